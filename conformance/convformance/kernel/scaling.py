"""What keeps sums, powers and roots inside float64 without touching exact whole numbers."""

from __future__ import annotations

import numpy as np

from convformance.kernel.geometry import Array

_SMALL_P = 64  # up to here 2^p and the powers of a window's terms lie far inside float64


def headroom(peak: Array) -> Array:
    """Return the factor that keeps the sum of a window finite whose largest |sample| is peak.

    [value.overflow] A mean of the largest numbers is finite though their sum is not.
    """
    return np.where(peak > 2.0**960, 2.0**-64, 1.0)


def unit(largest: Array, p: float) -> Array:
    """Return what to divide a window's samples by, so that their p-th powers stay in range.

    A power of two leaves the digits alone; for a large p only the largest sample will do.
    """
    usable = np.isfinite(largest) & (largest > 0)
    if p > _SMALL_P:
        return np.where(usable, largest, 1.0)
    _, exponent = np.frexp(np.where(usable, largest, 1.0))
    return np.asarray(np.ldexp(1.0, exponent - 1))


def power(base: Array, p: float) -> Array:
    """Return base to the p; by multiplication for a small p, as that keeps whole numbers exact."""
    if p > _SMALL_P:
        return np.asarray(np.power(base, p))
    result = base
    for bit in f"{int(p):b}"[1:]:
        result = result * result
        if bit == "1":
            result = result * base
    return result


def root(total: Array, p: float) -> Array:
    """Return the p-th root, with the exact functions where NumPy has one."""
    if p == 1:
        return total
    if p == 2:
        return np.asarray(np.sqrt(total))
    return np.asarray(np.cbrt(total) if p == 3 else np.power(total, 1 / p))
