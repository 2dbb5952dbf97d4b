/**
 * How V8 manages the memory of a process that serves sockets or projects: given to `node`, by the supervisor to its children, by
 * the image, and by the bench to its generators and to the relay.
 *
 * - Room for short-lived objects: with the default of 16 MiB the collector took 12 % of the api's time in `bench lives`, because much was
 *   promoted that was about to die.
 * - Room for what is promoted: by itself V8 marked the whole heap each time it had grown by a quarter, which at 1,000 messages/s was every
 *   5 s, and marked for 180 ms, in which sends waited for 85 to 140 ms. A heap that may grow to three times of what lives is marked every half
 *   minute, and takes up to twice as much as lives more (70 MB there).
 */
export const V8_FLAGS = ['--max-semi-space-size=64', '--heap-growing-percent=200'] as const
