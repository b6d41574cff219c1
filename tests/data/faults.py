"""What a mirror may do wrong, and what the refusal must say of it."""

import gzip
from http.server import BaseHTTPRequestHandler

from tests.data.conftest import Mirror, answer


def truncated(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    answer(handler, content[:-20], promised=len(content))


def cut_short(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    answer(handler, content[:-20])


def no_gzip(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    answer(handler, b"<html>Sign in to the network</html>")


def empty(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    answer(handler, b"")


def altered(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    unpacked = bytearray(gzip.decompress(content))
    unpacked[-1] ^= 1
    answer(handler, gzip.compress(bytes(unpacked)))


def bomb(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    answer(handler, gzip.compress(gzip.decompress(content) + bytes(1 << 20)))


def followed_by_garbage(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    answer(handler, content + b"garbage")


def absent(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    handler.send_error(404)


def broken(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    handler.send_error(500)


def no_http(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    handler.wfile.write(b"SSH-2.0-server\r\n\r\n")


def bad_chunks(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    handler.wfile.write(head + b"ffff\r\n" + content)


def silent(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    mirror.closing.wait(5)


def silent_half_way(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    answer(handler, content[:20], promised=len(content))
    handler.wfile.flush()
    mirror.closing.wait(5)


def drop_by_drop(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    answer(handler, b"", promised=len(content))
    while not mirror.closing.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def closed_at_once(handler: BaseHTTPRequestHandler, content: bytes, mirror: Mirror) -> None:
    handler.connection.close()


FAULTS = {
    truncated: "damaged compressed data",
    cut_short: "damaged compressed data",
    no_gzip: "expected gzip",
    empty: "got nothing at the start",
    altered: "got SHA-256",
    bomb: "got more than [0-9,]+ bytes unpacked",
    followed_by_garbage: "damaged compressed data",
    absent: "HTTP status 404",
    broken: "HTTP status 500",
    no_http: "no proper HTTP answer",
    bad_chunks: "no proper HTTP answer",
    silent: "timed out",
    silent_half_way: "timed out",
    drop_by_drop: "time is over",
    closed_at_once: "no proper HTTP answer|reset|closed",
}


HANGING = {silent, silent_half_way, drop_by_drop}
