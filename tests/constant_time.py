#!/usr/bin/env python3
"""Every instruction of a program, and every address that it reads or writes, under two or more inputs.

    constant_time.py PROGRAM INPUT INPUT...

Steps through PROGRAM one instruction after the other (ptrace) and keeps where it was. For an instruction of
the program itself objdump says how it makes its address, and the registers say which it was. The runs must
be the same in all of it. Works on whatever the processor has, AVX-512 included; x86-64 Linux only.
"""
import ctypes
import hashlib
import os
import re
import signal
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
TRACE_ME, SINGLE_STEP, GET_REGISTERS = 0, 9, 12
NO_RANDOM_ADDRESSES = 0x0040000
NAMES = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
    "fs_base gs_base ds es fs gs"
).split()
PLACES = {name: place for place, name in enumerate(NAMES)}
OPERAND = re.compile(r"(-?0x[0-9a-f]+)?\((%r\w+)?(?:,(%r\w+),(\d))?\)")


def operands(program):
    """Address of each instruction that goes to memory: displacement, base, index, scale."""
    found = {}
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", program], capture_output=True, text=True, check=True)
    for line in text.stdout.splitlines():
        at, _, what = line.strip().partition(":\t")
        match = OPERAND.search(what)
        if not match or what.startswith(("lea", "nop")) or "%rip" in match.group(0):
            continue
        displacement, base, index, scale = match.groups()
        place = lambda name: PLACES[name[1:]] if name else None
        found[int(at, 16)] = (int(displacement or "0", 16), place(base), place(index), int(scale or 1))
    return found


def path(program, arguments, known):
    """A hash over all places and addresses of a run, and how many there were."""
    child = os.fork()
    if child == 0:
        libc.personality(NO_RANDOM_ADDRESSES)
        libc.ptrace(TRACE_ME, 0, None, None)
        os.execve(program, [program, *arguments], {})
    os.waitpid(child, 0)
    # The program lies where its first line of the map says.
    with open(f"/proc/{child}/maps", encoding="ascii") as maps:
        begin = next(int(line.split("-")[0], 16) for line in maps if program in line)
    registers = (ctypes.c_ulonglong * len(NAMES))()
    rip, seen, steps, addresses = PLACES["rip"], hashlib.sha256(), 0, 0
    while True:
        libc.ptrace(GET_REGISTERS, child, None, ctypes.addressof(registers))
        at = registers[rip]
        seen.update(at.to_bytes(8, "little"))
        operand = known.get(at - begin)
        if operand:
            displacement, base, index, scale = operand
            address = displacement + (registers[base] if base is not None else 0)
            address += registers[index] * scale if index is not None else 0
            seen.update((address % 2**64).to_bytes(8, "little"))
            addresses += 1
        steps += 1
        libc.ptrace(SINGLE_STEP, child, None, None)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status) != 0:
                sys.exit(f"{program} failed")
            return seen.hexdigest(), steps, addresses
        if os.WSTOPSIG(status) != signal.SIGTRAP:
            sys.exit(f"{program} stopped by signal {os.WSTOPSIG(status)}")


program, inputs = os.path.realpath(sys.argv[1]), sys.argv[2:]
known = operands(program)
first = None
for number, given in enumerate(inputs, 1):
    run = path(program, given.split(), known)
    first = first or run
    if run != first:
        sys.exit(f"key {number} goes another way: {run[1:]} steps and addresses, not {first[1:]}")
print(f"this processor's engine: {first[1]} instructions, {first[2]} addresses, the same for {len(inputs)} keys")
