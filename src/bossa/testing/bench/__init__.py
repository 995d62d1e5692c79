"""What the comparisons of ``bench/`` share: the machine, servers, rounds in turn, figures.

One comparison runs several servers on the same work in one run.  Servers are
on core 0 and the load is on core 1; all servers stay up while one is measured;
their turns interleave (A B C, C B A, …); a measurement into which somebody
else's work fell is repeated.  Single figures move by a fifth from run to run,
ratios of medians of one run do not.
"""
