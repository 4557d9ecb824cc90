"""Triton kernels for the operations of transjet, and the plans that say how to launch them.

Modules of plans (`problem`, `plan`, `packing`, `jets`, `products`) are plain Python and need no Triton; modules of
kernels import it, and are themselves imported only where a kernel is compiled or interpreted.
"""
