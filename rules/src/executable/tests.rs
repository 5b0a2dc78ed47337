use std::convert::Infallible;

use super::*;

fn of(content: &[u8]) -> Nature {
    let read = |buffer: &mut [u8], offset: u64| {
        let rest = usize::try_from(offset).ok().and_then(|start| content.get(start..)).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok::<_, Infallible>(len)
    };
    let Ok(nature) = inspect(read);
    nature
}

/// An ELF file with these segments (kind, content) and, perhaps, a table of section names at its end.
fn elf(segments: &[(u32, &[u8])], section_names: Option<&[u8]>) -> Vec<u8> {
    let mut file = vec![0; 64 + 56 * segments.len()];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[18] = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    file[32] = 64;
    file[54] = 56;
    file[56] = u8::try_from(segments.len()).expect("a few");
    for (index, (kind, content)) in segments.iter().enumerate() {
        let (at, offset) = (64 + 56 * index, file.len() as u64);
        file[at..at + 4].copy_from_slice(&kind.to_le_bytes());
        file[at + 8..at + 16].copy_from_slice(&offset.to_le_bytes());
        file[at + 32..at + 40].copy_from_slice(&(content.len() as u64).to_le_bytes());
        file.extend(*content);
    }
    if let Some(names) = section_names {
        let offset = file.len() as u64;
        file.extend(names);
        let table = file.len() as u64;
        file.extend([0; 64]);
        let at = file.len() - 64;
        file[at + 24..at + 32].copy_from_slice(&offset.to_le_bytes());
        file[at + 32..at + 40].copy_from_slice(&(names.len() as u64).to_le_bytes());
        file[40..48].copy_from_slice(&table.to_le_bytes());
        file[58] = 64;
    }
    file
}

const GLIBC: (u32, &[u8]) = (3, b"/lib64/ld-linux-x86-64.so.2\0");
const GO_NOTE: (u32, &[u8]) =
    (4, b"\x04\0\0\0\x08\0\0\0\x01\0\0\0GNU\0abcdefgh\x04\0\0\0\x04\0\0\0\x04\0\0\0Go\0\0abcd");

#[test]
fn loaders_and_runtimes_tell_the_engine() {
    let far: Vec<u8> = [&[0; 5000][..], b".go.buildinfo\0"].concat();
    let cases = [
        (elf(&[GLIBC], None), Engine::Preload),
        (elf(&[(3, b"/nix/store/x-glibc/lib/ld-linux-x86-64.so.2\0")], None), Engine::Preload),
        (elf(&[(3, b"/lib/ld-musl-x86_64.so.1\0")], None), Engine::Seccomp(Reason::Musl)),
        (elf(&[(3, b"/system/bin/linker64\0")], None), Engine::Seccomp(Reason::Loader)),
        (elf(&[(1, b"code")], None), Engine::Seccomp(Reason::Static)),
        (elf(&[(1, b"code")], Some(b"\0.text\0.data\0")), Engine::Seccomp(Reason::Static)),
        (elf(&[GO_NOTE], None), Engine::Seccomp(Reason::Go)),
        (elf(&[GLIBC, GO_NOTE], None), Engine::Seccomp(Reason::Go)),
        (elf(&[GLIBC], Some(b"\0.text\0.go.buildinfo\0")), Engine::Seccomp(Reason::Go)),
        (elf(&[GLIBC], Some(&far)), Engine::Seccomp(Reason::Go)),
        (elf(&[GLIBC], Some(b"\0.rodata\0.go.buildinfo.not\0")), Engine::Preload),
    ];
    for (index, (file, engine)) in cases.into_iter().enumerate() {
        assert_eq!(of(&file), Nature::Program(engine), "case {index}");
    }
}

/// A program for glibc that defines symbols in the version `name`.
fn versioned(name: &str) -> Vec<u8> {
    let mut file = elf(&[GLIBC], None);
    let names = file.len() as u64;
    file.extend(format!("\0program\0{name}\0").bytes());
    let versions = file.len() as u64;
    for (name_at, next) in [(1_u32, 28_u32), (9, 0)] {
        file.extend([0; 12]);
        file.extend([20_u32, next, name_at, 0].map(u32::to_le_bytes).concat());
    }
    let table = file.len() as u64;
    // None, the versions, the table of names that they mean.
    for (kind, offset, link) in [(0_u32, 0_u64, 0_u32), (0x6fff_fffd, versions, 2), (3, names, 0)] {
        let mut section = [0; 64];
        section[4..8].copy_from_slice(&kind.to_le_bytes());
        section[24..32].copy_from_slice(&offset.to_le_bytes());
        section[40..44].copy_from_slice(&link.to_le_bytes());
        file.extend(section);
    }
    file[40..48].copy_from_slice(&table.to_le_bytes());
    file[58] = 64;
    file[60] = 3;
    file
}

#[test]
fn bun_is_told_by_the_version_of_its_symbols() {
    for (name, engine) in [
        ("BUN_1.0", Engine::Seccomp(Reason::Bun)),
        ("BUN_1.2", Engine::Seccomp(Reason::Bun)),
        ("NODE_1.2", Engine::Preload),
        ("BU", Engine::Preload),
    ] {
        assert_eq!(of(&versioned(name)), Nature::Program(engine), "{name}");
    }
}

#[test]
fn other_machines_are_told_apart_and_broken_files_are_unknown() {
    let mut narrow = elf(&[GLIBC], None);
    narrow[4] = 1;
    assert_eq!(of(&narrow), Nature::Program(Engine::Neither(Obstacle::Foreign)));
    let mut other = elf(&[GLIBC], None);
    other[18] = 8;
    assert_eq!(of(&other), Nature::Program(Engine::Neither(Obstacle::Foreign)));

    let mut outside = elf(&[GLIBC], None);
    outside[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(of(&outside), Nature::Unknown);
    let mut many = elf(&[GLIBC], None);
    many[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(of(&many), Nature::Unknown);
    assert_eq!(of(b"\x7fELF"), Nature::Unknown);
    assert_eq!(of(b"echo hello"), Nature::Unknown);
    assert_eq!(of(b""), Nature::Unknown);
}

#[test]
fn whatever_a_file_says_is_survived() {
    for file in [elf(&[GLIBC, GO_NOTE], Some(b"\0.text\0")), versioned("BUN_1.2")] {
        for at in 0..file.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut file = file.clone();
                file[at] = byte;
                let _ = of(&file);
                let _ = of(&file[..at]);
            }
        }
    }
}

#[test]
fn first_lines_are_read_as_the_kernel_reads_them() {
    let long = [b"#!/", [b'x'; 400].as_slice()].concat();
    let cases: &[(&[u8], &str, &str)] = &[
        (b"#!/bin/sh", "/bin/sh", ""),
        (b"#! \t/bin/sh -e  -x \nrest", "/bin/sh", "-e  -x"),
        (b"#!/usr/bin/env -S A=1 node\n", "/usr/bin/env", "-S A=1 node"),
        (b"#!\n/bin/sh", "", ""),
        (b"#!/bin/sh\0-x", "/bin/sh", ""),
        (&long, std::str::from_utf8(&long[2..LINE_LIMIT]).expect("ASCII"), ""),
    ];
    for (content, interpreter, argument) in cases {
        let Nature::Script(line) = of(content) else { panic!("{content:?} is a script") };
        assert_eq!((line.interpreter().to_str(), line.argument().to_str()), (Ok(*interpreter), Ok(*argument)));
    }
}

#[test]
fn grants_count_when_they_change_who_runs_it() {
    let file = |mode, capabilities| Grants { mode, owner: 0, group: 5, capabilities };
    let cases = [
        (file(0o755, false), 1000, None),
        (file(0o4755, false), 1000, Some(Obstacle::Setuid)),
        (file(0o4755, false), 0, None),
        (file(0o2755, false), 1000, Some(Obstacle::Setuid)),
        (file(0o2745, false), 1000, None),
        (file(0o755, true), 1000, Some(Obstacle::Capabilities)),
        (file(0o755, true), 0, None),
    ];
    for (grants, user, obstacle) in cases {
        assert_eq!(grants.obstacle(user, 1000), obstacle, "{grants:?} by {user}");
    }
    assert_eq!(file(0o2755, false).obstacle(1000, 5), None);
}
