"""A clock that goes backwards between runs, within one, and before a dead one is found: nothing goes by its order."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.torture import scenarios
from tests.torture.conftest import Record
from tests.torture.harness import Driver, Json, Lake, begin, settled, undisturbed, wrong
from tests.torture.scenarios import SCENARIOS
from tests.torture.sizes import LONG, Part

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
DAY = 86_400

# Takes the place of the C library's clocks of real time, for Python, SQLite and DuckDB alike.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static volatile long long *shift;
static int (*real)(clockid_t, struct timespec *);
__attribute__((constructor)) static void begin(void) {
    int file = open(getenv("TORTURE_CLOCK"), O_RDONLY);
    shift = mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, file, 0);
    real = dlsym(RTLD_NEXT, "clock_gettime");
}
int clock_gettime(clockid_t which, struct timespec *out) {
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(which, out);
    if (which == CLOCK_REALTIME && shift) out->tv_sec += *shift;
    return code;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"""


class Clock:
    """How many seconds the driver's clock is ahead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0)

    def set(self, seconds: int) -> None:
        with self.path.open("r+b" if self.path.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))

    def setting(self, point: str, seconds: int) -> Json:
        return {"point": point, "occurrence": 1, "act": "clock", "path": str(self.path), "seconds": seconds}


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, Clock]]:
    """A lake whose driver goes by a clock of its own."""
    if shutil.which("cc") is None:
        pytest.skip("the clock is compiled, and there is no C compiler")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c", "-ldl"], check=True)
    clock = Clock(folder / "now")
    driver = Driver(folder / "driver", LD_PRELOAD=str(folder / "clock.so"), TORTURE_CLOCK=str(clock.path))
    yield scenarios.build(folder, driver), clock
    driver.close()


@pytest.mark.skipif(not LONG, reason="a lake with a clock of its own takes as long as ten trials")
def test_a_clock_that_goes_back_changes_nothing_but_times(clocked: tuple[Lake, Clock], record: Record) -> None:
    lake, clock = clocked
    scenario = BY_NAME["new file"]
    clean = undisturbed(lake, scenario)
    # Between runs; within one; and before a run that died is found.
    for before, actions in (
        (-DAY, []),
        (0, [clock.setting("branch created", -DAY)]),
        (0, [clock.setting("state committed", -DAY)]),
        (DAY, [clock.setting("run recorded", -DAY), {"point": "publish due", "occurrence": 1, "act": "kill"}]),
    ):
        begin(lake, scenario)
        clock.set(before)
        answer = lake.call("run", actions=actions)
        assert answer.code == 0 or answer.killed, answer
        problems = wrong(settled(lake), clean, scenario)
        assert not problems, f"{before}, {actions}: {problems}"
        times = [commit["time"] for commit in lake.call("log").result["commits"]]
        assert times[0] < times[1], "the clock was to go back"
        # The state of a time is that which the last change made at or before it.
        assert lake.call("query", "select 1 as one", "--ref", f"main@{times[1]}").code == 0
        clock.set(0)
        record(Part.FAULTS, "clocks that went back survived")
