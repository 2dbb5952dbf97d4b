/** How the embedded server is tuned: one machine of two cores, many small durable writes. Given on the command line. */

import { totalmem } from 'node:os'

export interface ServerPlace {
  readonly port: number
  /** Folder of the Unix socket; absent when its path would be too long for one. */
  readonly socketFolder?: string
}

const MB = 2 ** 20

/**
 * A sixteenth of the memory, at least 256 MB and at most 2 GB: of what is not used yet nothing is taken. In 256 MB the rows and the indexes
 * of a search over a million messages do not fit (1.2 GB); with 1.5 GB, and nothing else changed, phrases took 68 ms instead of
 * 97 where a thousand conversations are looked into.
 *
 * @param memoryBytes what this process may have: of the machine, or of its container.
 */
export function sharedBuffersMb(memoryBytes: number): number {
  return Math.min(2048, Math.max(256, Math.floor(memoryBytes / 16 / MB)))
}

function availableBytes(): number {
  // 0, or more than there is, where nothing constrains it.
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/** Passed at every start, so that a new version brings its settings to old databases. */
export function serverSettings({ port, socketFolder }: ServerPlace): Readonly<Record<string, string>> {
  const buffersMb = sharedBuffersMb(availableBytes())
  return {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: socketFolder ?? '',
    max_connections: '200',

    // A message is acknowledged only when it is on disk. Spelt out, so that nobody's postgresql.conf can undo it.
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',

    shared_buffers: `${buffersMb}MB`,
    // With what the kernel keeps.
    effective_cache_size: `${4 * buffersMb}MB`,
    work_mem: '8MB',
    maintenance_work_mem: '128MB',
    wal_buffers: '16MB',
    // Rare, spread-out checkpoints: after each, every page touched goes to the WAL in full once more.
    max_wal_size: '4GB',
    min_wal_size: '256MB',
    checkpoint_timeout: '15min',
    checkpoint_completion_target: '0.9',
    // Compressing full pages took 40 µs a message after each checkpoint.
    wal_compression: 'off',
    // A new segment is not written twice: at full load that stalled appends every second or so, p99 70 ms instead of 96 to 103.
    wal_init_zero: 'off',
    // Nobody replicates it. Of a WAL that nobody reads again Postgres lets the kernel drop what it has synced: else it fills the page cache, at full load
    // with 27 MB a second, and where a host gives a virtual machine its memory page by page the backend that appends took half as much CPU again.
    wal_level: 'minimal',
    max_wal_senders: '0',
    // What is new and large stands in the WAL too, and is not only synced: a failed sync that we hear of first loses nothing (ADR 19).
    wal_skip_threshold: '2147483647kB',

    random_page_cost: '1.1',
    // Our queries are short: compiling them costs more than it saves, and two cores have none to spare for helpers.
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    autovacuum_max_workers: '2',
    autovacuum_naptime: '60s',
    // 6,000 rows a sample instead of 30,000: of a table that grows, `ANALYZE` took 6 % of two cores under full load. Our queries go by
    // keys, whose plans do not depend on what is frequent.
    default_statistics_target: '20',
    max_logical_replication_workers: '0',

    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] %a ',
    log_checkpoints: 'off',
    cluster_name: 'triptick',
  }
}

export function asFlags(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}
