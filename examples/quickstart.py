"""From a log density to weighted samples. Run with `python examples/quickstart.py`."""

import jax

import transjet as tj


def log_density(x):
    """Four wells at (+-2, +-2), unnormalised."""
    return -((x**2 - 4.0) ** 2).sum() / 2


def main(iterations: int = 80):
    """Train, sample, and print the summary."""
    target = tj.from_log_density(log_density, dim=2, prior_std=2.0)
    sampler = tj.Sampler(target)
    result = sampler.run(sampler.init(jax.random.key(0)), iterations=iterations)
    samples = sampler.sample(result.state, jax.random.key(1), 4000)
    summary = sampler.summarize(samples)
    print(summary.table())
    return summary


if __name__ == "__main__":
    main()
