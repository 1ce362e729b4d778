"""Run the tests under each kernel of OpenBLAS that this processor can run; `make test-kernels`.

The last digits of numpy's and scipy's matrix products depend on the kernel, which OpenBLAS chooses
by the processor, and on the number of threads. Each kernel runs the tests with one thread and two
workers, then with two threads and one worker, each time in another order. torch brings libraries of
its own, whose kernels stay as they are.

Arguments go to pytest: `python tests/run_on_kernels.py tests/weights`.
"""

import os
import subprocess
import sys

_KERNELS = ("Nehalem", "Sandybridge", "Haswell", "SkylakeX", "Zen")
_SEED_OF_THREADS = {1: 1, 2: 2}
_PYTEST = ("-m", "pytest", "-m", "not slow", "--random-order")
# Threads that wait for each other spin: more of them than cores take many times as long.
_CORES = 2
# A product first: a processor that lacks the instructions stops there.
_KERNEL_IN_USE = """
import numpy, scipy.linalg, threadpoolctl
numpy.ones((200, 200)) @ numpy.ones((200, 200))
scipy.linalg.cholesky(numpy.eye(200))
found = {
    library["architecture"]
    for library in threadpoolctl.threadpool_info()
    if library["internal_api"] == "openblas"
}
print(" and ".join(sorted(found)) or "no OpenBLAS")
"""


def _environment(kernel, n_threads):
    return os.environ | {"OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": str(n_threads)}


def _kernel_in_use(kernel):
    command = (sys.executable, "-c", _KERNEL_IN_USE)
    found = subprocess.run(command, env=_environment(kernel, 1), capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 else "none"


def _passes(kernel, n_threads, arguments):
    seed = _SEED_OF_THREADS[n_threads]
    print(f"== {kernel}, threads of OpenBLAS: {n_threads}, order {seed}", flush=True)
    order = ("-n", str(_CORES // n_threads), f"--random-order-seed={seed}")
    command = (sys.executable, *_PYTEST, *order, *arguments)
    return subprocess.run(command, env=_environment(kernel, n_threads)).returncode == 0


def main(arguments):
    failed, n_runs = [], 0
    for kernel in _KERNELS:
        in_use = _kernel_in_use(kernel)
        if in_use != kernel:
            print(f"== {kernel} is skipped: where it is asked for, {in_use} runs", flush=True)
            continue
        for n_threads in _SEED_OF_THREADS:
            n_runs += 1
            if not _passes(kernel, n_threads, arguments):
                failed.append(f"{kernel} with {n_threads}")
    print(f"== {n_runs} runs; failed: {', '.join(failed) or 'none'}")
    return 1 if failed or not n_runs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
