"""Value and first three derivatives of the activations, elementwise."""

import triton
import triton.language as tl


@triton.jit
def _tanh(z):
    # Through exp away from zero, where that loses no digits; a series close to it.
    size = tl.abs(z)
    decay = tl.exp(-2.0 * size)
    far = (1.0 - decay) / (1.0 + decay)
    q = z * z
    series = 62.0 / 2835.0 + q * (-1382.0 / 155925.0 + q * (21844.0 / 6081075.0))
    series = size * (1.0 + q * (-1.0 / 3.0 + q * (2.0 / 15.0 + q * (-17.0 / 315.0 + q * series))))
    if z.dtype == tl.float64:
        h = tl.where(size < 0.05, series, far)
    else:
        h = tl.where(size < 0.35, series, far)
    h = tl.where(z < 0.0, -h, h)
    slope = 1.0 - h * h
    bend = -2.0 * h * slope
    return h, slope, bend, -2.0 * (slope * slope + h * bend)


@triton.jit
def _sigmoid(z):
    decay = tl.exp(-tl.abs(z))
    part = 1.0 / (1.0 + decay)
    s = tl.where(z < 0.0, decay * part, part)
    slope = decay * part * part
    bend = slope * (1.0 - 2.0 * s)
    return s, slope, bend, bend * (1.0 - 2.0 * s) - 2.0 * slope * slope


@triton.jit
def _gelu(z):
    # The tanh form: z g / 2 with g = 1 + tanh(u), u = c (z + a z^3).
    # A plain variable would be a float32, whatever z is.
    c: tl.constexpr = 0.7978845608028654
    a: tl.constexpr = 0.044715
    u = c * (z + a * z * z * z)
    du = c * (1.0 + 3.0 * a * z * z)
    ddu = 6.0 * c * a * z
    h, h1, h2, h3 = _tanh(u)
    g1 = h1 * du
    g2 = h2 * du * du + h1 * ddu
    g3 = h3 * du * du * du + 3.0 * h2 * du * ddu + h1 * (6.0 * c * a)
    return 0.5 * z * (1.0 + h), 0.5 * (1.0 + h + z * g1), g1 + 0.5 * z * g2, 1.5 * g2 + 0.5 * z * g3


@triton.jit
def _silu(z):
    s, s1, s2, s3 = _sigmoid(z)
    return z * s, s + z * s1, 2.0 * s1 + z * s2, 3.0 * s2 + z * s3


@triton.jit
def _softplus(z):
    s, s1, s2, _ = _sigmoid(z)
    decay = tl.exp(-tl.abs(z))
    # log(1 + decay) without losing a small decay: what rounding 1 + decay drops is put back.
    whole = 1.0 + decay
    kept = whole - 1.0
    log = tl.where(kept == 0.0, decay, tl.log(whole) * (decay / tl.where(kept == 0.0, 1.0, kept)))
    return tl.maximum(z, 0.0) + log, s, s1, s2


@triton.jit
def _sin(z):
    s = tl.sin(z)
    c = tl.cos(z)
    return s, c, -s, -c


@triton.jit
def _identity(z):
    zero = z * 0.0
    return z, zero + 1.0, zero, zero


@triton.jit
def _one(z, ACTIVATION: tl.constexpr):
    if ACTIVATION == 0:
        return _tanh(z)
    elif ACTIVATION == 1:
        return _sin(z)
    elif ACTIVATION == 2:
        return _gelu(z)
    elif ACTIVATION == 3:
        return _silu(z)
    elif ACTIVATION == 4:
        return _softplus(z)
    else:
        return _identity(z)


@triton.jit
def derivatives(z, layer, code, ACTIVATION: tl.constexpr):
    """f, f', f'', f''' at z. Where layers differ (ACTIVATION 6), three bits of `code` a layer say which f."""
    if ACTIVATION < 6:
        return _one(z, ACTIVATION)
    else:
        which = (code >> (3 * layer)) & 7
        f, f1, f2, f3 = _identity(z)
        if which == 0:
            f, f1, f2, f3 = _tanh(z)
        elif which == 1:
            f, f1, f2, f3 = _sin(z)
        elif which == 2:
            f, f1, f2, f3 = _gelu(z)
        elif which == 3:
            f, f1, f2, f3 = _silu(z)
        elif which == 4:
            f, f1, f2, f3 = _softplus(z)
        return f, f1, f2, f3
