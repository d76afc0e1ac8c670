"""The `Inspector` port: scans small bodies at once, large ones in a child process that can be killed; has what could
leave the premises read for its meaning, in children of its own.

Rules enforced:
1. An inspection ends by its deadline: late, dead or erring, it is a Failure (law 2), never an empty inspection.
2. A large body does not hold up the event loop, nor a hostile one another request for longer than its own deadline.
3. What was found in a message is found again without a scan (`cache`), for its owner alone, in the same place.
4. What waits is bounded; beyond it the answer is a Failure at once.

Nothing is imported here: a child needs little of it.

Which patterns are looked for is left to `douane.detect`; what a Failure makes of a request, to
`core.traffic.classification`.
"""
