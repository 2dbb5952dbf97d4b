-- Built-in accounts: who may log in with which password, the log-ins that are live, and how often somebody tried.

CREATE SCHEMA accounts;

CREATE TABLE accounts.people (
  user_id       text COLLATE "C" PRIMARY KEY,
  -- as it is shown
  name          text NOT NULL,
  -- what two names have in common that are the same (api/accounts/name.ts)
  name_key      text COLLATE "C" NOT NULL UNIQUE,
  -- argon2id, with its parameters and salt (PHC string)
  password_hash text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now()
);

-- One per log-in, however often its refresh token has been exchanged. Only hashes of tokens are kept.
CREATE TABLE accounts.logins (
  login_id      uuid PRIMARY KEY,
  user_id       text COLLATE "C" NOT NULL REFERENCES accounts.people ON DELETE CASCADE,
  token_hash    bytea NOT NULL,
  exchanged_at  timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL
);
CREATE INDEX logins_of_person ON accounts.logins (user_id, exchanged_at);
CREATE INDEX logins_by_end ON accounts.logins (expires_at);

-- Token buckets of log-ins and registrations: each is the time at which it is full again. Full ones are not kept.
CREATE TABLE accounts.attempts (
  -- hash of what is counted: a name, a network
  key     bytea PRIMARY KEY,
  full_at timestamptz NOT NULL
);
CREATE INDEX attempts_by_end ON accounts.attempts (full_at);
