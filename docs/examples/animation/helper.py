"""Draws plasma, life or a bouncing logo as HALFBLOCK records, and reads keys, a line each.

It knows nothing of zi: any program that prints such records will do. Python's own loops would be too
slow for sixty frames of 120 by 40 cells, so rows are made by translating whole byte strings.
"""

import math
import os
import sys
import threading
import time

COLUMNS, ROWS, RATE = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
LINES = ROWS * 2

PALETTE = [
    tuple(int(127.5 + 127.5 * math.sin(2 * math.pi * index / 256 + phase)) for phase in (0.0, 2.1, 4.2))
    for index in range(256)
]
# For each shift the channels of the palette, as tables for bytes.translate.
CHANNELS = [
    [bytes(PALETTE[(index + shift) % 256][channel] for index in range(256)) for shift in range(256)]
    for channel in range(3)
]

state = {"scene": sys.argv[4] if len(sys.argv) > 4 else "plasma", "speed": 1.0, "running": True}


def read_keys():
    for line in sys.stdin:
        key = line.strip()
        if key in ("plasma", "life", "logo"):
            state["scene"] = key
        elif key == "faster":
            state["speed"] = min(8.0, state["speed"] * 1.5)
        elif key == "slower":
            state["speed"] = max(0.1, state["speed"] / 1.5)
    state["running"] = False


def plasma(clock):
    base = bytes(
        int(64 + 40 * math.sin(x / 9 + clock) + 24 * math.sin(x / 4 - clock * 1.7)) & 255
        for x in range(COLUMNS)
    )
    for y in range(LINES):
        shift = int(64 + 48 * math.sin(y / 7 - clock * 0.9) + clock * 20) & 255
        yield tuple(base.translate(CHANNELS[channel][shift]) for channel in range(3))


class Life:
    """Conway's game on a torus; each row is one integer, a bit for a cell."""

    def __init__(self):
        self.mask = (1 << COLUMNS) - 1
        self.seed()
        self.due = 0.0

    def seed(self):
        noise = [int.from_bytes(os.urandom(COLUMNS // 8 + 1), "big") & self.mask for _ in range(LINES * 2)]
        self.rows = [noise[2 * y] & noise[2 * y + 1] for y in range(LINES)]
        self.age = 0

    def step(self):
        def around(row):
            return (row << 1 | row >> (COLUMNS - 1)) & self.mask, (row >> 1 | row << (COLUMNS - 1)) & self.mask

        after = []
        for y, row in enumerate(self.rows):
            above, below = self.rows[y - 1], self.rows[(y + 1) % LINES]
            ones = twos = fours = 0
            for bits in (above, below, *around(above), *around(row), *around(below)):
                carry = ones & bits
                ones ^= bits
                fours |= twos & carry
                twos ^= carry
            after.append((ones | row) & twos & ~fours)
        self.age += 1
        if after == self.rows or self.age > 600:
            self.seed()
        else:
            self.rows = after

    def draw(self, clock):
        if clock >= self.due:
            self.due = clock + 0.08
            self.step()
        for y, row in enumerate(self.rows):
            cells = bytes(200 if bit == "1" else 16 for bit in f"{row:0{COLUMNS}b}")
            green = bytes(min(255, cell + 40 * y // LINES) for cell in cells)
            yield cells.translate(CHANNELS[0][128]), green, cells


LOGO = [
    "11111 1",
    "   1  1",
    "  1   1",
    " 1    1",
    "11111 1",
]


def bounce(position, room):
    room = max(1, room)
    at = position % (2 * room)
    return int(at if at <= room else 2 * room - at)


def logo(clock):
    scale = max(1, min(COLUMNS // 24, LINES // 16))
    width, height = len(LOGO[0]) * scale, len(LOGO) * scale
    left, top = bounce(clock * 22, COLUMNS - width), bounce(clock * 13, LINES - height)
    colour = PALETTE[int(clock * 40) % 256]
    blank = bytes([12]) * COLUMNS
    for y in range(LINES):
        inside = top <= y < top + height
        row = LOGO[(y - top) // scale] if inside else ""
        channels = []
        for channel in range(3):
            line = bytearray(blank)
            for index, mark in enumerate(row):
                if mark == "1":
                    start = left + index * scale
                    line[start : start + scale] = bytes([colour[channel]]) * scale
            channels.append(bytes(line[:COLUMNS]))
        yield tuple(channels)


def record(lines):
    data = bytearray(COLUMNS * ROWS * 6)
    stride = COLUMNS * 6
    for y, channels in enumerate(lines):
        start = y // 2 * stride + y % 2 * 3
        end = (y // 2 + 1) * stride
        for channel in range(3):
            data[start + channel : end : 6] = channels[channel]
    return b"HALFBLOCK %d %d %d\n" % (COLUMNS, ROWS, len(data)) + bytes(data)


def main():
    threading.Thread(target=read_keys, daemon=True).start()
    life = Life()
    clock, last = 0.0, time.monotonic()
    due = last
    while state["running"]:
        now = time.monotonic()
        clock += (now - last) * state["speed"]
        last = now
        scene = state["scene"]
        lines = life.draw(clock) if scene == "life" else logo(clock) if scene == "logo" else plasma(clock)
        try:
            sys.stdout.buffer.write(record(lines))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            return
        due = max(due + 1 / RATE, time.monotonic() - 1 / RATE)
        time.sleep(max(0.0, due - time.monotonic()))


main()
