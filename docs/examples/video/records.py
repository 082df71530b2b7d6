"""Puts a FRAME header before each frame of raw RGBA that comes on standard input."""

import sys

WIDTH, HEIGHT = int(sys.argv[1]), int(sys.argv[2])
SIZE = WIDTH * HEIGHT * 4
HEADER = b"FRAME %d %d %d\n" % (WIDTH, HEIGHT, SIZE)

while True:
    frame = sys.stdin.buffer.read(SIZE)
    if len(frame) < SIZE:
        break
    try:
        sys.stdout.buffer.write(HEADER + frame)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        break
