"""Does what programs do with files, in the folder that is named, and says what was not as on any Linux file system."""

import errno
import fcntl
import mmap
import os
import signal
import subprocess
import sys
import time

FOLDER = sys.argv[1]
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def path(name):
    return os.path.join(FOLDER, name)


def write(name, text):
    with open(path(name), "w") as file:
        file.write(text)


def read(name):
    with open(path(name)) as file:
        return file.read()


def fails_with(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno == number, error
        return
    raise AssertionError(f"no {errno.errorcode[number]}")


def in_child(function):
    """What a forked process makes of it: exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@check
def a_new_file_has_its_mode_and_its_name():
    file = os.open(path("new"), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
    assert os.fstat(file).st_mode & 0o7777 == 0o640
    assert os.readlink(f"/proc/self/fd/{file}") == path("new")
    fails_with(errno.EEXIST, os.open, path("new"), os.O_RDWR | os.O_CREAT | os.O_EXCL)
    os.close(file)


@check
def writes_are_seen_at_once_whichever_way_one_looks():
    file = os.open(path("seen"), os.O_RDWR | os.O_CREAT)
    os.write(file, b"0123456789" * 1000)
    assert os.stat(path("seen")).st_size == os.fstat(file).st_size == 10000
    os.pwrite(file, b"XYZ", 5000)
    assert os.pread(file, 5, 4999) == b"9XYZ3"
    assert read("seen")[4999:5004] == "9XYZ3"
    os.close(file)


@check
def changes_by_path_are_seen_by_those_who_have_it_open():
    write("changed", "x" * 100)
    file = os.open(path("changed"), os.O_RDWR)
    os.truncate(path("changed"), 50)
    assert os.fstat(file).st_size == 50
    os.chmod(path("changed"), 0o600)
    assert os.fstat(file).st_mode & 0o7777 == 0o600
    os.utime(path("changed"), (1, 2))
    assert os.fstat(file).st_mtime == 2
    os.fchmod(file, 0o644)
    os.ftruncate(file, 10)
    assert (os.stat(path("changed")).st_mode & 0o7777, os.stat(path("changed")).st_size) == (0o644, 10)
    os.close(file)


@check
def appended_lines_of_two_writers_keep_their_order():
    first, second = open(path("log"), "a"), open(path("log"), "a")
    for number in range(50):
        for file, name in (first, "a"), (second, "b"):
            print(name, number, file=file, flush=True)
    first.close()
    second.close()
    assert read("log").split("\n") == [f"{name} {number}" for number in range(50) for name in "ab"] + [""]


@check
def a_growing_file_is_read_to_its_new_end():
    write("growing", "one\n")
    file = os.open(path("growing"), os.O_RDONLY)
    assert os.read(file, 100) == b"one\n"
    subprocess.run(["sh", "-c", f"echo two >> {path('growing')}"], check=True)
    deadline = time.monotonic() + 5
    while not (more := os.read(file, 100)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert more == b"two\n", more
    os.close(file)


@check
def large_files_are_what_was_written():
    data = os.urandom(1 << 20) * 5 + b"end"
    with open(path("large"), "wb") as file:
        file.write(data)
    with open(path("large"), "rb") as file:
        assert file.read() == data
        for offset in 0, 123456, 3 << 20, (5 << 20) - 5:
            file.seek(offset)
            assert file.read(100) == data[offset : offset + 100], offset


@check
def files_can_be_mapped():
    write("mapped", "." * 10000)
    file = os.open(path("mapped"), os.O_RDWR)
    with mmap.mmap(file, 0) as memory:
        memory[5000:5005] = b"hello"
        memory.flush()
        assert read("mapped")[4999:5006] == ".hello."
        memory[6000:6005] = b"later"
    os.close(file)
    assert read("mapped")[6000:6005] == "later"


@check
def holes_are_found():
    file = os.open(path("holes"), os.O_RDWR | os.O_CREAT)
    os.pwrite(file, b"x", 1 << 20)
    assert os.lseek(file, 0, os.SEEK_HOLE) == 0
    assert os.lseek(file, 0, os.SEEK_DATA) == 1 << 20
    os.posix_fallocate(file, 0, 2 << 20)
    assert os.fstat(file).st_size == 2 << 20
    os.close(file)


@check
def open_files_outlive_their_names():
    file = os.open(path("moved"), os.O_RDWR | os.O_CREAT)
    os.write(file, b"abc")
    os.rename(path("moved"), path("there"))
    os.write(file, b"def")
    assert os.fstat(file).st_size == 6
    os.unlink(path("there"))
    os.write(file, b"ghi")
    assert (os.pread(file, 9, 0), os.fstat(file).st_nlink) == (b"abcdefghi", 0)
    os.close(file)


@check
def another_file_under_the_name_is_another_file():
    write("same", "one")
    old = open(path("same"))
    write("same.new", "twotwo")
    os.rename(path("same.new"), path("same"))
    assert (read("same"), old.read()) == ("twotwo", "one")
    old.close()


@check
def descriptors_of_one_file_are_each_their_own():
    write("three", "abc")
    both, only, cut = (os.open(path("three"), flags) for flags in (os.O_RDWR, os.O_RDONLY, os.O_WRONLY | os.O_TRUNC))
    assert os.fstat(both).st_size == 0
    os.write(cut, b"zz")
    assert os.pread(both, 10, 0) == os.pread(only, 10, 0) == b"zz"
    fails_with(errno.EBADF, os.read, cut, 1)
    fails_with(errno.EBADF, os.write, only, b"x")
    for file in both, only, cut:
        os.close(file)


@check
def files_without_names_are_files():
    file = os.open(FOLDER, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(file, b"nameless")
    assert (os.pread(file, 8, 0), os.fstat(file).st_nlink) == (b"nameless", 0)
    os.close(file)


@check
def directories_are_listed_with_types_and_any_names():
    os.mkdir(path("listed"))
    odd = os.fsencode(path("listed")) + b"/\xff\xfe\n"
    open(odd, "w").close()
    os.mkdir(path("listed/folder"))
    os.symlink("nowhere", path("listed/link"))
    for number in range(300):
        open(path(f"listed/{number}"), "w").close()
    with os.scandir(os.fsencode(path("listed"))) as entries:
        kinds = {e.name: (e.is_dir(follow_symlinks=False), e.is_symlink()) for e in entries}
    assert len(kinds) == 303
    assert (kinds[b"\xff\xfe\n"], kinds[b"folder"], kinds[b"link"]) == ((False, False), (True, False), (False, True))
    folder = os.open(path("listed"), os.O_RDONLY | os.O_DIRECTORY)
    assert os.readlink(f"/proc/self/fd/{folder}") == path("listed")
    before = len(os.listdir(folder))
    open(path("listed/more"), "w").close()
    assert len(os.listdir(folder)) == before + 1, "a rewound directory"
    assert os.fstat(folder).st_ino == os.stat(path("listed")).st_ino
    os.close(folder)


@check
def descriptors_of_paths_tell_of_links_and_directories():
    os.symlink("/app/config/message.txt", path("link"))
    link = os.open(path("link"), os.O_PATH | os.O_NOFOLLOW)
    assert os.readlink(f"/proc/self/fd/{link}") == path("link")
    assert os.fstat(link).st_ino == os.lstat(path("link")).st_ino
    assert read("link") == open("/app/config/message.txt").read()
    os.close(link)


@check
def flock_excludes_other_descriptors():
    first, second = open(path("flock"), "w"), open(path("flock"), "w")
    fcntl.flock(first, fcntl.LOCK_EX)
    fails_with(errno.EWOULDBLOCK, fcntl.flock, second, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def wait():
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with open(path("flock"), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    assert in_child(wait) == -signal.SIGALRM, "waiting is interrupted"
    fcntl.flock(first, fcntl.LOCK_UN)
    fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.close()
    second.close()


@check
def record_locks_exclude_other_processes_until_the_file_is_closed():
    write("records", "x" * 200)
    file = open(path("records"), "r+")
    fcntl.lockf(file, fcntl.LOCK_EX, 10, 5)

    def overlapping():
        with open(path("records"), "r+") as other:
            fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 100)
            fails_with(errno.EAGAIN, fcntl.lockf, other, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 0)

    def all_of_it():
        with open(path("records"), "r+") as other:
            fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    assert in_child(overlapping) == 0
    assert in_child(all_of_it) == 1
    file.close()
    assert in_child(all_of_it) == 0


@check
def a_lock_is_free_as_soon_as_its_last_descriptor_is_closed():
    for number in range(100):
        file = os.open(path("turns"), os.O_RDWR | os.O_CREAT)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if number % 2:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.close(file)


@check
def the_end_of_a_file_is_known_right_after_appending():
    file = os.open(path("end"), os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.write(file, b"x" * 100_000)
    assert os.fstat(file).st_size == os.lseek(file, 0, os.SEEK_END) == 100_000
    # By path, and so without the knowledge of who has it open.
    os.truncate(path("end"), 10)
    os.write(file, b"y" * 5)
    assert os.lseek(file, 0, os.SEEK_END) == os.fstat(file).st_size == 15
    other = os.open(path("end"), os.O_WRONLY | os.O_APPEND)
    for number in range(100):
        os.write(other if number % 3 else file, b"%2d" % number)
        assert os.lseek(file, 0, os.SEEK_END) == os.fstat(other).st_size == 17 + 2 * number
    assert os.pread(file, 100, 5) == b"x" * 5 + b"y" * 5 + b"".join(b"%2d" % number for number in range(45))
    os.close(other)
    os.close(file)


@check
def large_appends_arrive_in_order():
    pieces = [bytes([number]) * (50_000 + number) for number in range(100)]
    with open(path("appended"), "ab", buffering=0) as file:
        for piece in pieces:
            file.write(piece)
    assert open(path("appended"), "rb").read() == b"".join(pieces)


@check
def synchronising_and_statistics_work():
    file = os.open(path("synchronised"), os.O_RDWR | os.O_CREAT)
    os.write(file, b"x")
    os.fsync(file)
    os.fdatasync(file)
    folder = os.open(FOLDER, os.O_RDONLY)
    os.fsync(folder)
    assert os.fstatvfs(file).f_blocks == os.statvfs(FOLDER).f_blocks > 0
    os.close(folder)
    os.close(file)


@check
def attributes_are_kept():
    write("attributes", "")
    file = os.open(path("attributes"), os.O_RDWR)
    try:
        os.setxattr(file, "user.name", b"value")
    except OSError as error:
        assert error.errno in (errno.ENOTSUP, errno.EPERM), error
    else:
        assert (os.getxattr(file, "user.name"), "user.name" in os.listxattr(file)) == (b"value", True)
        os.removexattr(file, "user.name")
        fails_with(errno.ENODATA, os.getxattr, file, "user.name")
    os.close(file)


BEHIND_OUR_BACK = """
import os, sys
here, secret = 9, sys.argv[1]

def fails(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except OSError as error:
        return error.errno
    raise AssertionError(f"{call} did not fail")

def text(name, **options):
    file = os.open(name, os.O_RDONLY, dir_fd=here, **options)
    try:
        return os.read(file, 100)
    finally:
        os.close(file)

message = text("inside")
assert message == text("../config/message.txt") == text("../../../../../../app/config/message.txt"), message
assert os.readlink("inside", dir_fd=here)[0] != "/"
assert os.path.exists(secret) and fails(text, "outside") == 2
os.mkdir("made", 0o750, dir_fd=here)
assert os.stat("made", dir_fd=here).st_mode & 0o777 == 0o750
file = os.open("made/file", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600, dir_fd=here)
os.write(file, b"text")
os.rename("made/file", "made/other", src_dir_fd=here, dst_dir_fd=here)
os.write(file, b" and more")
assert text("made/other") == b"text and more"
os.link("made/other", "made/twin", src_dir_fd=here, dst_dir_fd=here)
assert os.stat("made/twin", dir_fd=here).st_nlink == os.fstat(file).st_nlink == 2
os.symlink("other", "made/link", dir_fd=here)
assert text("made/link") == b"text and more"
os.chmod("made/other", 0o640, dir_fd=here)
assert os.fstat(file).st_mode & 0o777 == 0o640
assert fails(os.rmdir, "made", dir_fd=here) == 39
os.fchdir(here)
os.chdir("made")
assert sorted(os.listdir(".")) == ["link", "other", "twin"]
assert os.access("other", os.R_OK)
for name in os.listdir("."):
    os.unlink(name)
os.chdir("..")
os.rmdir("made")
assert fails(os.stat, "made") == 2
"""


@check
def calls_that_nobody_sees_are_right_and_do_not_lead_out():
    """A process without the layer (`skip_processes`) that has inherited a directory."""
    os.symlink(sys.argv[2], path("outside"))
    os.symlink("/app/config/message.txt", path("inside"))
    folder = os.open(FOLDER, os.O_RDONLY | os.O_DIRECTORY)
    os.dup2(folder, 9)
    command = ["unseen", "-c", BEHIND_OUR_BACK, sys.argv[2]]
    said = subprocess.run(command, executable=sys.executable, pass_fds=[9], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    os.close(9)
    os.close(folder)


os.mkdir(FOLDER)
wrong = 0
for function in CHECKS:
    try:
        function()
    except Exception as error:
        wrong += 1
        print(f"{function.__name__}: {error!r} in line {error.__traceback__.tb_next.tb_lineno}")
print(f"{len(CHECKS)} checks, {wrong} wrong")
