"""What passes between front and cells: foot currents one way, recovery the other.

A cell is fired by a short current whose end is set by the potential, so that it does not matter
much how strong it is: the foot of the action potential, which diffusion would make on a fine mesh,
is replaced and the rest of the action potential is the cell's own [Neic2017].
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# ms after a foot current by which a cell that can fire has fired.
_FAILED = 8.0


@njit(cache=True, nogil=True)
def foot(
    rows: NDArray[np.int64],
    trigger: NDArray[np.float64],
    voltage: NDArray[np.float64],
    time: float,
    dt: float,
    amplitude: float,
    duration: float,
    until: float,
    out: NDArray[np.float64],
) -> None:
    """Write the foot currents of some rows during a step into `out`.

    Parameters
    ----------
    rows
        (k,) rows that may have one now; no other entry of `out` is touched.
    trigger
        (k,) ms, onset of the foot current of each.
    voltage
        (rows,) mV; there is no current above `until`.
    time, dt, duration
        ms.
    amplitude
        mV/ms.
    out
        (rows,) mV/ms.
    """
    for k in range(rows.size):
        r = rows[k]
        share = (min(time + dt, trigger[k] + duration) - max(time, trigger[k])) / dt
        out[r] = amplitude * share if share > 0.0 and voltage[r] < until else 0.0


@njit(cache=True, nogil=True)
def recover(
    arrival: NDArray[np.float64],
    repolarised: NDArray[np.float64],
    pending: NDArray[np.float64],
    excited: NDArray[np.bool_],
    before: NDArray[np.float64],
    voltage: NDArray[np.float64],
    recovered: NDArray[np.float64],
    shortest: NDArray[np.float64],
    threshold: float,
    now: float,
    window: float,
) -> int:
    """Tell the front what the cells did in the last window; return how many did not fire.

    A node recovers when its potential falls below `recovered` (n,) mV. One that crosses
    `threshold` without a front, carried by diffusion alone, starts a front there.
    """
    failed = 0
    for v in range(voltage.size):
        u = voltage[v]
        w = before[v]
        if excited[v]:
            if u < recovered[v]:
                if w >= recovered[v] and now > arrival[v] + window:
                    excited[v] = False
                    repolarised[v] = now - window * (recovered[v] - u) / (w - u)
                elif now > arrival[v] + _FAILED:
                    excited[v] = False
                    repolarised[v] = now
                    failed += 1
        elif u > threshold and w <= threshold:
            crossed = now - window * (u - threshold) / (u - w)
            repolarised[v] = min(repolarised[v], crossed - shortest[v])
            pending[v] = min(pending[v], crossed)
    return failed
