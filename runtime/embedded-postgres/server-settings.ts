/** How the embedded server is tuned: one machine of two cores, many small durable writes. Given on the command line. */

export interface ServerPlace {
  readonly port: number
  /** Folder of the Unix socket; absent when its path would be too long for one. */
  readonly socketFolder?: string
}

/** Passed at every start, so that a new version brings its settings to old databases. */
export function serverSettings({ port, socketFolder }: ServerPlace): Readonly<Record<string, string>> {
  return {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: socketFolder ?? '',
    max_connections: '200',

    // A message is acknowledged only when it is on disk. Spelt out, so that nobody's postgresql.conf can undo it.
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',

    shared_buffers: '256MB',
    effective_cache_size: '1GB',
    work_mem: '8MB',
    maintenance_work_mem: '128MB',
    wal_buffers: '16MB',
    // Rare, spread-out checkpoints: after each, every page touched goes to the WAL in full once more.
    max_wal_size: '4GB',
    min_wal_size: '256MB',
    checkpoint_timeout: '15min',
    checkpoint_completion_target: '0.9',
    wal_compression: 'off',

    random_page_cost: '1.1',
    // Our queries are short: compiling them costs more than it saves, and two cores have none to spare for helpers.
    jit: 'off',
    max_parallel_workers_per_gather: '0',
    autovacuum_max_workers: '2',
    autovacuum_naptime: '20s',
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
