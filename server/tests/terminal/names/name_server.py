"""A name server that means harm: the first label of a name says how it is answered. Arguments: address and port."""

import socket
import struct
import sys
import threading

A, CNAME = 1, 5
POINTER_TO_QUESTION = b"\xc0\x0c"


def header(query, flags=0x8180, questions=1, answers=0):
    return query[:2] + struct.pack("!5H", flags, questions, answers, 0, 0)


def name(text):
    return b"".join(bytes([len(label)]) + label for label in text.encode().split(b".") if label) + b"\0"


def record(data, kind=A, owner=POINTER_TO_QUESTION, length=None):
    return owner + struct.pack("!HHIH", kind, 1, 30, len(data) if length is None else length) + data


def address(number=1):
    return bytes([10, 9, number // 256 % 256, number % 256])


def alias(of, to):
    return record(name(to), CNAME, name(of))


def answer(query, *records, flags=0x8180, count=None):
    count = len(records) if count is None else count
    return header(query, flags, 1, count) + question(query) + b"".join(records)


def question(query):
    end = 12
    while query[end]:
        end += 1 + query[end]
    return query[12 : end + 5]


def of_question(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return labels[0].lower(), ".".join(labels), struct.unpack("!H", query[at + 1 : at + 3])[0]


def answers(query, over_tcp):
    """Messages to send, one after the other."""
    how, whole, kind = of_question(query)
    good = answer(query, record(address())) if kind == A else answer(query)
    cut = answer(query, flags=0x8380)
    cases = {
        "good": lambda: [good],
        "never": lambda: [],
        "garbage": lambda: [query[:2] + b"\x81\x80" + bytes(range(7, 250))],
        "noise": lambda: [b"\xff" * 100],
        "short": lambda: [query[:5]],
        "empty": lambda: [b""],
        "wrongid": lambda: [bytes([query[0] ^ 1]) + good[1:]],
        "wrongname": lambda: [header(query, answers=1) + name("other.test") + struct.pack("!HH", kind, 1) + record(address())],
        "noquestion": lambda: [header(query, 0x8180, 0, 1) + record(address(), owner=name(whole))],
        "echo": lambda: [query],
        "itself": lambda: [answer(query, record(address(), owner=struct.pack("!H", 0xC000 | (12 + len(question(query))))))],
        "beyond": lambda: [answer(query, record(address(), owner=b"\xff\xff"))],
        "overlong": lambda: [answer(query, record(address(), length=60000))],
        "tiny": lambda: [answer(query, record(b"\x0a\x09"))],
        "counted": lambda: [answer(query, record(address()), count=65535)],
        "refused": lambda: [answer(query, flags=0x8185)],
        "failed": lambda: [answer(query, flags=0x8182)],
        "malformed": lambda: [answer(query, flags=0x8181)],
        "after": lambda: [bytes([query[0] ^ 1]) + good[1:], b"\xff" * 20, good],
        "circle": lambda: [answer(query, alias(whole, whole))],
        "circles": lambda: [answer(query, alias(whole, "b.test"), alias("b.test", whole))],
        "chain": lambda: [answer(query, *chain(whole, 12))],
        "elsewhere": lambda: [answer(query, alias(whole, "far.test"))],
        "unasked": lambda: [answer(query, record(address(), owner=name("far.test")))],
        "terminal": lambda: [answer(query, alias(whole, "\x1b[31m\n.test"), record(address(), owner=name("\x1b[31m\n.test")))],
        "cut": lambda: [good if over_tcp else cut],
        "cutagain": lambda: [cut],
        "hangup": lambda: None if over_tcp else [cut],
        "large": lambda: [answer(query, *many(4090))] if over_tcp else [cut],
        "few": lambda: [answer(query, *many(400))] if over_tcp else [cut],
    }
    unknown = [answer(query, flags=0x8183)]
    return cases.get(how, lambda: unknown)()


def chain(first, length):
    names = [first] + [f"n{index}.test" for index in range(length)]
    return [alias(of, to) for of, to in zip(names, names[1:])] + [record(address(), owner=name(names[-1]))]


def many(count):
    return [record(address(number)) for number in range(count)]


def serve_udp(server):
    while True:
        query, asker = server.recvfrom(65536)
        for message in answers(query, False) or []:
            server.sendto(message, asker)


def serve_connection(connection):
    with connection:
        while length := connection.recv(2, socket.MSG_WAITALL):
            query = connection.recv(*struct.unpack("!H", length), socket.MSG_WAITALL)
            how = of_question(query)[0]
            for message in answers(query, True) or []:
                connection.sendall(struct.pack("!H", len(message)) + message)
            if how == "hangup":
                return


def main():
    where = (sys.argv[1], int(sys.argv[2]))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(where)
    tcp = socket.create_server(where)
    threading.Thread(target=serve_udp, args=(udp,), daemon=True).start()
    print("serving", flush=True)
    while True:
        connection, _ = tcp.accept()
        threading.Thread(target=serve_connection, args=(connection,), daemon=True).start()


main()
