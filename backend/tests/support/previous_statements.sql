PREPARE one AS
SELECT $1::INTEGER AS one;
EXECUTE one ('1');
DEALLOCATE one;

PREPARE one AS
INSERT INTO user_emails (email_key, user_id) VALUES ($1::VARCHAR, $2::UUID) ON CONFLICT DO NOTHING RETURNING user_emails.email_key;
EXECUTE one ('01a22004-6b0c-761d-a8e8-186e0693e8ea@example.com', '01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
INSERT INTO users (id, email, name, password_hash) VALUES ($1::UUID, $2::VARCHAR, $3::VARCHAR, $4::VARCHAR) RETURNING users.id, users.email, users.name, users.timezone, timezone($5::VARCHAR, users.created_at) AS created_at, timezone($5::VARCHAR, users.updated_at) AS updated_at;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b0c-761d-a8e8-186e0693e8ea@example.com', NULL, '$2b$04$LBotgshJLeOqQXjJT3Kc9ei8x0GDix9DdU/QYcGht8CzY/PfMUK2q', 'UTC');
DEALLOCATE one;

PREPARE one AS
UPDATE users SET known_addresses=((ARRAY[$1::BYTEA] || array_remove(users.known_addresses, $1::BYTEA))[$2::INTEGER:$3::INTEGER]) WHERE users.id = $4::UUID AND users.disabled_at IS NULL AND users.password_hash = $5::VARCHAR RETURNING users.id;
EXECUTE one ('\xe6cfea798dfb8afef812da645beacfc0', '1', '10', '01a22004-6b5f-7050-b3fc-c7c938333f04', '$2b$04$LBotgshJLeOqQXjJT3Kc9ei8x0GDix9DdU/QYcGht8CzY/PfMUK2q');
DEALLOCATE one;

PREPARE one AS
WITH opened AS
(INSERT INTO sessions (user_id, id, refresh_hash, user_agent, expires_at) VALUES ($1::UUID, $2::UUID, $3::BYTEA, $4::VARCHAR, (now() + $5::INTERVAL)) RETURNING sessions.id),
ended AS
(DELETE FROM sessions USING (SELECT sessions.id AS id
FROM sessions
WHERE sessions.user_id = $1::UUID ORDER BY sessions.last_used_at DESC, sessions.created_at DESC, sessions.id DESC
 LIMIT ALL OFFSET $6::INTEGER) AS beyond WHERE sessions.user_id = $1::UUID AND sessions.id = beyond.id RETURNING sessions.id)
 INSERT INTO revoked_sessions (session_id, expires_at) SELECT ids.id, now() + $7::INTERVAL AS anon_1
FROM (SELECT ended.id AS id
FROM ended) AS ids RETURNING revoked_sessions.session_id;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b63-72c5-ad68-c92f9e97f8fd', '\x04ef55bcc11e210dc525a4c465946897d0da9f1042c6f1aa56410d77d402bb77', 'python-httpx/0.28.1', '30 days', '99', '01:01:00');
DEALLOCATE one;

PREPARE one AS
SELECT user_emails.user_id
FROM user_emails
WHERE user_emails.email_key = $1::VARCHAR;
EXECUTE one ('01a22004-6b0c-761d-a8e8-186e0693e8ea@example.com');
DEALLOCATE one;

PREPARE one AS
SELECT users.id, users.email, users.name, users.timezone, timezone($1::VARCHAR, users.created_at) AS created_at, timezone($1::VARCHAR, users.updated_at) AS updated_at, users.password_hash AS _password_hash, users.known_addresses AS _known_addresses
FROM users
WHERE users.id = $2::UUID AND users.disabled_at IS NULL;
EXECUTE one ('UTC', '01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
UPDATE sessions SET refresh_hash=CASE WHEN (sessions.refresh_hash = $1::BYTEA AND cardinality(sessions.spent_hashes) - (SELECT count(spent) AS count_1
FROM unnest(sessions.spent_at) AS spent
WHERE spent <= now() - $2::INTERVAL) < $3::INTEGER) THEN $4::BYTEA ELSE sessions.refresh_hash END, last_used_at=now(), expires_at=(now() + $5::INTERVAL), spent_hashes=CASE WHEN (sessions.refresh_hash = $1::BYTEA AND cardinality(sessions.spent_hashes) - (SELECT count(spent) AS count_1
FROM unnest(sessions.spent_at) AS spent
WHERE spent <= now() - $2::INTERVAL) < $3::INTEGER) THEN sessions.spent_hashes[(SELECT count(spent) AS count_1
FROM unnest(sessions.spent_at) AS spent
WHERE spent <= now() - $2::INTERVAL) + $6::INTEGER:$7::INTEGER] || ARRAY[$1::BYTEA] ELSE sessions.spent_hashes END, spent_at=CASE WHEN (sessions.refresh_hash = $1::BYTEA AND cardinality(sessions.spent_hashes) - (SELECT count(spent) AS count_1
FROM unnest(sessions.spent_at) AS spent
WHERE spent <= now() - $2::INTERVAL) < $3::INTEGER) THEN sessions.spent_at[(SELECT count(spent) AS count_1
FROM unnest(sessions.spent_at) AS spent
WHERE spent <= now() - $2::INTERVAL) + $6::INTEGER:$8::INTEGER] || ARRAY[clock_timestamp()] ELSE sessions.spent_at END FROM users WHERE sessions.user_id = $9::UUID AND sessions.id = $10::UUID AND sessions.expires_at > now() AND (sessions.refresh_hash = $1::BYTEA OR sessions.spent_at[array_position(sessions.spent_hashes, $1::BYTEA)] > now() - $2::INTERVAL AND (sessions.spent_hashes || ARRAY[sessions.refresh_hash])[(array_position(sessions.spent_hashes, $1::BYTEA) + $11::INTEGER)] = ANY ($12::BYTEA[])) AND users.id = $9::UUID AND users.disabled_at IS NULL RETURNING (sessions.spent_hashes || ARRAY[sessions.refresh_hash])[(array_position(sessions.spent_hashes, $1::BYTEA) + $11::INTEGER)] AS _successor_hash, users.id, users.email, users.name, users.timezone, timezone($13::VARCHAR, users.created_at) AS created_at, timezone($13::VARCHAR, users.updated_at) AS updated_at;
EXECUTE one ('\x02467d3a1f6a45de8eccf207381f5b1173b30011686c4fa642759c4198136f85', '00:00:10', '128', '\x4e7b9211fc541c108f8e0b23d058328121f46421a7b22ffa52799e4d1bbff723', '30 days', '1', '128', '128', '01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b6c-7630-b9fd-e07274ea25fd', '1', '{"\\x4e7b9211fc541c108f8e0b23d058328121f46421a7b22ffa52799e4d1bbff723"}', 'UTC');
DEALLOCATE one;

PREPARE one AS
SELECT present.snapshot, present.server, page.session_id, page.xid, page.seconds
FROM (SELECT CAST(pg_current_snapshot() AS TEXT) AS snapshot, pg_postmaster_start_time() AS server) AS present LEFT OUTER JOIN (SELECT revoked_sessions.session_id AS session_id, revoked_sessions.xid AS xid, CAST(EXTRACT(epoch FROM revoked_sessions.expires_at - now()) AS FLOAT) AS seconds
FROM revoked_sessions
WHERE (revoked_sessions.xid, revoked_sessions.session_id) > (CAST($1::VARCHAR AS XID8), $2::UUID) AND NOT pg_visible_in_snapshot(revoked_sessions.xid, CAST($3::VARCHAR AS PG_SNAPSHOT)) AND revoked_sessions.expires_at > now() ORDER BY revoked_sessions.xid, revoked_sessions.session_id
 LIMIT $4::INTEGER) AS page ON true ORDER BY page.xid, page.session_id;
EXECUTE one ('1', '00000000-0000-0000-0000-000000000000', '1:1:', '2000');
DEALLOCATE one;

PREPARE one AS
SELECT users.id, users.email, users.name, users.timezone, timezone($1::VARCHAR, users.created_at) AS created_at, timezone($1::VARCHAR, users.updated_at) AS updated_at
FROM users
WHERE users.id = $2::UUID;
EXECUTE one ('UTC', '01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
SELECT users.email, users.password_hash
FROM users
WHERE users.id = $1::UUID FOR UPDATE;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
UPDATE users SET name=$1::VARCHAR, timezone=$2::VARCHAR, updated_at=now() WHERE users.id = $3::UUID RETURNING users.id, users.email, users.name, users.timezone, timezone($4::VARCHAR, users.created_at) AS created_at, timezone($4::VARCHAR, users.updated_at) AS updated_at;
EXECUTE one ('Ada', 'Europe/Berlin', '01a22004-6b5f-7050-b3fc-c7c938333f04', 'UTC');
DEALLOCATE one;

PREPARE one AS
SELECT owner._is_there, page.id, page.user_agent, page.created_at, page.last_used_at, page.expires_at, page.is_current
FROM (SELECT true AS _is_there
FROM users
WHERE users.id = $1::UUID) AS owner LEFT OUTER JOIN (SELECT sessions.id AS id, sessions.user_agent AS user_agent, timezone($2::VARCHAR, sessions.created_at) AS created_at, timezone($2::VARCHAR, sessions.last_used_at) AS last_used_at, timezone($2::VARCHAR, sessions.expires_at) AS expires_at, sessions.id = $3::UUID AS is_current
FROM sessions
WHERE sessions.user_id = $1::UUID AND sessions.expires_at > now() ORDER BY sessions.created_at DESC, sessions.id DESC
 LIMIT $4::INTEGER) AS page ON true ORDER BY page.created_at DESC, page.id DESC;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', 'UTC', '01a22004-6b6c-7630-b9fd-e07274ea25fd', '21');
DEALLOCATE one;

PREPARE one AS
WITH owner AS
(UPDATE users SET revision=(users.revision + $1::BIGINT), task_count=(users.task_count + $2::INTEGER) WHERE users.id = $3::UUID AND users.disabled_at IS NULL AND users.task_count < $4::INTEGER AND NOT (EXISTS (SELECT *
FROM tasks
WHERE tasks.user_id = $3::UUID AND tasks.id = $5::UUID)) RETURNING users.revision, clock_timestamp() AS changed_at)
 INSERT INTO tasks (user_id, id, created_at, updated_at, revision, creation_hash, title, title_words, description, description_words, completed_at) SELECT $3::UUID AS anon_1, $5::UUID AS anon_2, owner.changed_at, owner.changed_at AS changed_at__1, owner.revision, $6::BYTEA AS anon_3, $7::VARCHAR COLLATE "C" AS anon_4, CAST($8::VARCHAR AS TSVECTOR) AS anon_5, $9::VARCHAR AS anon_6, CAST($10::VARCHAR AS TSVECTOR) AS anon_7, CASE WHEN $11::BOOLEAN THEN owner.changed_at ELSE NULL END AS anon_8
FROM owner RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($12::VARCHAR, tasks.completed_at) AS completed_at, timezone($12::VARCHAR, tasks.created_at) AS created_at, timezone($12::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version;
EXECUTE one ('1', '1', '01a22004-6b5f-7050-b3fc-c7c938333f04', '100000', '01a22004-6b8d-7522-9d53-6d90eac1c9e3', '\x503d6a33c16b45c5d4f549e445daf044ff3ffb7a95cc3285ae14d2df5a86438d', 'Buy bread', '''AaIgBGtfcFCz_MfJODM_BA'' ''AaIgBGtfcFCz_MfJODM_BAbuy'':1 ''AaIgBGtfcFCz_MfJODM_BAbread'':2', NULL, '''AaIgBGtfcFCz_MfJODM_BA''', 'f', 'UTC');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT tasks.id AS id
FROM tasks
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND tasks.completed_at IS NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at)
 UPDATE tasks SET completed_at=owner.changed_at, updated_at=owner.changed_at, revision=owner.revision FROM owner WHERE tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND tasks.completed_at IS NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($5::VARCHAR, tasks.completed_at) AS completed_at, timezone($5::VARCHAR, tasks.created_at) AS created_at, timezone($5::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b8d-7522-9d53-6d90eac1c9e3', NULL, '1', 'UTC');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT tasks.id AS id
FROM tasks
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND tasks.completed_at IS NOT NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at)
 UPDATE tasks SET completed_at=NULL, updated_at=owner.changed_at, revision=owner.revision FROM owner WHERE tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND tasks.completed_at IS NOT NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($5::VARCHAR, tasks.completed_at) AS completed_at, timezone($5::VARCHAR, tasks.created_at) AS created_at, timezone($5::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b8d-7522-9d53-6d90eac1c9e3', NULL, '1', 'UTC');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT tasks.id AS id
FROM tasks
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at)
 UPDATE tasks SET updated_at=tasks.updated_at, revision=owner.revision, trashed_at=owner.changed_at FROM owner WHERE tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($5::VARCHAR, tasks.completed_at) AS completed_at, timezone($5::VARCHAR, tasks.created_at) AS created_at, timezone($5::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b8d-7522-9d53-6d90eac1c9e3', NULL, '1', 'UTC');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT tasks.id AS id
FROM tasks
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NOT NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at)
 UPDATE tasks SET updated_at=tasks.updated_at, revision=owner.revision, trashed_at=NULL FROM owner WHERE tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NOT NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($5::VARCHAR, tasks.completed_at) AS completed_at, timezone($5::VARCHAR, tasks.created_at) AS created_at, timezone($5::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b8d-7522-9d53-6d90eac1c9e3', NULL, '1', 'UTC');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT tasks.id AS id
FROM tasks
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at)
 UPDATE tasks SET title=$5::VARCHAR COLLATE "C", description=$6::VARCHAR, completed_at=CASE WHEN $7::BOOLEAN THEN CASE WHEN (tasks.completed_at IS NOT NULL) THEN tasks.completed_at ELSE owner.changed_at END ELSE NULL END, updated_at=owner.changed_at, revision=owner.revision, title_words=CAST($8::VARCHAR AS TSVECTOR), description_words=CAST($9::VARCHAR AS TSVECTOR) FROM owner WHERE tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($10::VARCHAR, tasks.completed_at) AS completed_at, timezone($10::VARCHAR, tasks.created_at) AS created_at, timezone($10::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b8d-7522-9d53-6d90eac1c9e3', NULL, '1', 'Buy', 'two litres', 'f', '''AaIgBGtfcFCz_MfJODM_BA'' ''AaIgBGtfcFCz_MfJODM_BAbuy'':1', '''AaIgBGtfcFCz_MfJODM_BA'' ''AaIgBGtfcFCz_MfJODM_BAtwo'':2 ''AaIgBGtfcFCz_MfJODM_BAlitres'':3', 'UTC');
DEALLOCATE one;

PREPARE one AS
SELECT pg_notify($1::VARCHAR, $2::VARCHAR) AS sent;
EXECUTE one ('duly_changes', '678539bac7b843809f19cf50cda3e0d6,01a220046b5f7050b3fcc7c938333f04');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT tasks.id AS id
FROM tasks
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at)
 UPDATE tasks SET title=$5::VARCHAR COLLATE "C", updated_at=owner.changed_at, revision=owner.revision, title_words=CAST($6::VARCHAR AS TSVECTOR) FROM owner WHERE tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND tasks.trashed_at IS NULL AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($7::VARCHAR, tasks.completed_at) AS completed_at, timezone($7::VARCHAR, tasks.created_at) AS created_at, timezone($7::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b8d-7522-9d53-6d90eac1c9e3', NULL, '1', 'Buy milk', '''AaIgBGtfcFCz_MfJODM_BA'' ''AaIgBGtfcFCz_MfJODM_BAbuy'':1 ''AaIgBGtfcFCz_MfJODM_BAmilk'':2', 'UTC');
DEALLOCATE one;

PREPARE one AS
SELECT owner._state, page.id, page.user_id, page.title, page.description, page.is_completed, page.completed_at, page.created_at, page.updated_at, page.version
FROM (SELECT users.revision AS _state
FROM users
WHERE users.id = $1::UUID) AS owner LEFT OUTER JOIN (SELECT tasks.id AS id, tasks.user_id AS user_id, tasks.title AS title, tasks.description AS description, tasks.completed_at IS NOT NULL AS is_completed, timezone($2::VARCHAR, tasks.completed_at) AS completed_at, timezone($2::VARCHAR, tasks.created_at) AS created_at, timezone($2::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version
FROM tasks
WHERE tasks.user_id = $1::UUID AND coalesce(tasks.trashed_at IS NULL, false) ORDER BY tasks.created_at DESC, tasks.id DESC
 LIMIT $3::INTEGER OFFSET $4::INTEGER) AS page ON true ORDER BY page.created_at DESC, page.id DESC;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', 'UTC', '21', '0');
DEALLOCATE one;

PREPARE one AS
SELECT owner._state, page.id, page.user_id, page.title, page.description, page.is_completed, page.completed_at, page.created_at, page.updated_at, page.version
FROM (SELECT users.revision AS _state
FROM users
WHERE users.id = $1::UUID) AS owner LEFT OUTER JOIN (SELECT found.id AS id, found.user_id AS user_id, found.title AS title, found.description AS description, found.is_completed AS is_completed, found.completed_at AS completed_at, found.created_at AS created_at, found.updated_at AS updated_at, found.version AS version
FROM (SELECT tasks.id AS id, tasks.user_id AS user_id, tasks.title AS title, tasks.description AS description, tasks.completed_at IS NOT NULL AS is_completed, timezone($2::VARCHAR, tasks.completed_at) AS completed_at, timezone($2::VARCHAR, tasks.created_at) AS created_at, timezone($2::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version
FROM tasks
WHERE tasks.user_id = $1::UUID AND coalesce(tasks.trashed_at IS NULL, false) AND ((tasks.title_words || tasks.description_words) @@ CAST($3::VARCHAR AS TSQUERY))
 LIMIT ALL OFFSET $4::INTEGER) AS found ORDER BY found.created_at DESC, found.id DESC
 LIMIT $5::INTEGER OFFSET $6::INTEGER) AS page ON true ORDER BY page.created_at DESC, page.id DESC;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', 'UTC', '''AaIgBGtfcFCz_MfJODM_BA'' & (''AaIgBGtfcFCz_MfJODM_BAmilk'':*)', '0', '21', '0');
DEALLOCATE one;

PREPARE one AS
SELECT owner._state, page.id, page.user_id, page.title, page.description, page.is_completed, page.completed_at, page.created_at, page.updated_at, page.version
FROM (SELECT users.revision AS _state
FROM users
WHERE users.id = $1::UUID) AS owner LEFT OUTER JOIN (SELECT tasks.id AS id, tasks.user_id AS user_id, tasks.title AS title, tasks.description AS description, tasks.completed_at IS NOT NULL AS is_completed, timezone($2::VARCHAR, tasks.completed_at) AS completed_at, timezone($2::VARCHAR, tasks.created_at) AS created_at, timezone($2::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version
FROM tasks
WHERE tasks.user_id = $1::UUID AND coalesce(tasks.trashed_at IS NULL, false) ORDER BY tasks.title ASC, tasks.id ASC
 LIMIT $3::INTEGER OFFSET $4::INTEGER) AS page ON true ORDER BY page.title ASC, page.id ASC;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', 'UTC', '21', '0');
DEALLOCATE one;

PREPARE one AS
SELECT owner._state, page.id, page.user_id, page.title, page.description, page.is_completed, page.completed_at, page.created_at, page.updated_at, page.version
FROM (SELECT users.revision AS _state
FROM users
WHERE users.id = $1::UUID) AS owner LEFT OUTER JOIN (SELECT tasks.id AS id, tasks.user_id AS user_id, tasks.title AS title, tasks.description AS description, tasks.completed_at IS NOT NULL AS is_completed, timezone($2::VARCHAR, tasks.completed_at) AS completed_at, timezone($2::VARCHAR, tasks.created_at) AS created_at, timezone($2::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version
FROM tasks
WHERE tasks.user_id = $1::UUID AND coalesce(tasks.trashed_at IS NULL, false) ORDER BY tasks.updated_at ASC, tasks.id ASC
 LIMIT $3::INTEGER OFFSET $4::INTEGER) AS page ON true ORDER BY page.updated_at ASC, page.id ASC;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', 'UTC', '21', '0');
DEALLOCATE one;

PREPARE one AS
INSERT INTO idempotency_keys (user_id, id, fingerprint, expires_at) VALUES ($1::UUID, $2::UUID, $3::BYTEA, (now() + $4::INTERVAL)) ON CONFLICT (user_id, id) DO UPDATE SET fingerprint = excluded.fingerprint, expires_at = excluded.expires_at WHERE idempotency_keys.expires_at < now() RETURNING idempotency_keys.stored_bytes;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '7a5bf148-4c42-81e8-4f63-a4279aafbef1', '\x9edb9a49598773348e596e2b56d39362b18fa15aa45d9a25d6af37a8e5cfb0c2', '1 day');
DEALLOCATE one;

PREPARE one AS
SELECT users.id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
WITH owner AS
(UPDATE users SET revision=(users.revision + $1::BIGINT), task_count=(users.task_count + $2::INTEGER) WHERE users.id = $3::UUID AND users.disabled_at IS NULL AND users.task_count < $4::INTEGER RETURNING users.revision, clock_timestamp() AS changed_at)
 INSERT INTO tasks (user_id, id, created_at, updated_at, revision, creation_hash, title, title_words, description, description_words, completed_at) SELECT $3::UUID AS anon_1, $5::UUID AS anon_2, owner.changed_at, owner.changed_at AS changed_at__1, owner.revision, $6::BYTEA AS anon_3, $7::VARCHAR COLLATE "C" AS anon_4, CAST($8::VARCHAR AS TSVECTOR) AS anon_5, $9::VARCHAR AS anon_6, CAST($10::VARCHAR AS TSVECTOR) AS anon_7, CASE WHEN $11::BOOLEAN THEN owner.changed_at ELSE NULL END AS anon_8
FROM owner RETURNING tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($12::VARCHAR, tasks.completed_at) AS completed_at, timezone($12::VARCHAR, tasks.created_at) AS created_at, timezone($12::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version;
EXECUTE one ('1', '1', '01a22004-6b5f-7050-b3fc-c7c938333f04', '100000', '01a22004-6be3-72d6-8787-04c35d97a870', NULL, 'Erase', '''AaIgBGtfcFCz_MfJODM_BA'' ''AaIgBGtfcFCz_MfJODM_BAerase'':1', NULL, '''AaIgBGtfcFCz_MfJODM_BA''', 'f', 'UTC');
DEALLOCATE one;

PREPARE one AS
WITH owner AS
(UPDATE users SET stored_response_bytes=(users.stored_response_bytes + $1::BIGINT) WHERE users.id = $2::UUID AND users.stored_response_bytes + $1::BIGINT <= $3::BIGINT RETURNING users.id)
 UPDATE idempotency_keys SET status=$4::SMALLINT, headers=$5::JSONB, body=$6::BYTEA, stored_bytes=$7::INTEGER FROM owner WHERE idempotency_keys.user_id = $2::UUID AND idempotency_keys.id = $8::UUID AND owner.id IS NOT NULL RETURNING idempotency_keys.id;
EXECUTE one ('604', '01a22004-6b5f-7050-b3fc-c7c938333f04', '67108864', '201', '{"ETag": "\"8\"", "Location": "/api/v1/tasks/01a22004-6be3-72d6-8787-04c35d97a870"}', '\x7b226964223a2230316132323030342d366265332d373264362d383738372d303463333564393761383730222c22757365725f6964223a2230316132323030342d366235662d373035302d623366632d633763393338333333663034222c227469746c65223a224572617365222c226465736372697074696f6e223a6e756c6c2c2269735f636f6d706c65746564223a66616c73652c22636f6d706c657465645f6174223a6e756c6c2c22637265617465645f6174223a22323032362d31312d32385430323a33383a31302e3430383334325a222c22757064617465645f6174223a22323032362d31312d32385430323a33383a31302e3430383334325a222c2276657273696f6e223a387d', '604', '7a5bf148-4c42-81e8-4f63-a4279aafbef1');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT tasks.id AS id
FROM tasks
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT), task_count=(users.task_count - $5::INTEGER) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at),
gone AS
(DELETE FROM tasks USING owner WHERE tasks.user_id = $1::UUID AND tasks.id = $2::UUID AND ($3::BIGINT[] IS NULL OR tasks.revision = ANY ($3::BIGINT[])) AND owner.revision IS NOT NULL RETURNING tasks.id, owner.revision)
 INSERT INTO tombstones (user_id, id, type, revision) SELECT $1::UUID AS anon_1, gone.id, $6::VARCHAR AS anon_2, gone.revision
FROM gone ON CONFLICT (user_id, id, type) DO UPDATE SET revision = excluded.revision, created_at = excluded.created_at RETURNING tombstones.id;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6be3-72d6-8787-04c35d97a870', NULL, '1', '1', 'task');
DEALLOCATE one;

PREPARE one AS
WITH owner AS
(UPDATE users SET revision=(users.revision + $1::BIGINT), label_count=(users.label_count + $2::INTEGER) WHERE users.id = $3::UUID AND users.disabled_at IS NULL AND users.label_count < $4::INTEGER AND NOT (EXISTS (SELECT *
FROM labels
WHERE labels.user_id = $3::UUID AND labels.id = $5::UUID)) RETURNING users.revision, clock_timestamp() AS changed_at)
 INSERT INTO labels (user_id, id, created_at, updated_at, revision, creation_hash, name, color) SELECT $3::UUID AS anon_1, $5::UUID AS anon_2, owner.changed_at, owner.changed_at AS changed_at__1, owner.revision, $6::BYTEA AS anon_3, $7::VARCHAR COLLATE "C" AS anon_4, $8::VARCHAR AS anon_5
FROM owner RETURNING labels.id, labels.user_id, labels.name, labels.color, timezone($9::VARCHAR, labels.created_at) AS created_at, timezone($9::VARCHAR, labels.updated_at) AS updated_at, labels.revision AS version;
EXECUTE one ('1', '1', '01a22004-6b5f-7050-b3fc-c7c938333f04', '1000', '01a22004-6c00-77d8-9681-a46de85482ea', '\x71321be8e035cbadfa6debefc3e8673b0a126f2aa12d8d60bde58ae24777ebdc', 'errand 01a22004-6c00-77d8-9681-a46e0f8398bb', NULL, 'UTC');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT labels.id AS id
FROM labels
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND labels.user_id = $1::UUID AND labels.id = $2::UUID AND ($3::BIGINT[] IS NULL OR labels.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at)
 UPDATE labels SET name=$5::VARCHAR COLLATE "C", updated_at=owner.changed_at, revision=owner.revision FROM owner WHERE labels.user_id = $1::UUID AND labels.id = $2::UUID AND ($3::BIGINT[] IS NULL OR labels.revision = ANY ($3::BIGINT[])) RETURNING labels.id, labels.user_id, labels.name, labels.color, timezone($6::VARCHAR, labels.created_at) AS created_at, timezone($6::VARCHAR, labels.updated_at) AS updated_at, labels.revision AS version;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6c00-77d8-9681-a46de85482ea', NULL, '1', 'home 01a22004-6c08-7107-bbb5-99b58c26e5f2', 'UTC');
DEALLOCATE one;

PREPARE one AS
SELECT owner._state, page.id, page.user_id, page.name, page.color, page.created_at, page.updated_at, page.version
FROM (SELECT users.revision AS _state
FROM users
WHERE users.id = $1::UUID) AS owner LEFT OUTER JOIN (SELECT labels.id AS id, labels.user_id AS user_id, labels.name AS name, labels.color AS color, timezone($2::VARCHAR, labels.created_at) AS created_at, timezone($2::VARCHAR, labels.updated_at) AS updated_at, labels.revision AS version
FROM labels
WHERE labels.user_id = $1::UUID ORDER BY labels.name ASC, labels.id ASC
 LIMIT $3::INTEGER OFFSET $4::INTEGER) AS page ON true ORDER BY page.name ASC, page.id ASC;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', 'UTC', '21', '0');
DEALLOCATE one;

PREPARE one AS
WITH locked AS
(SELECT users.id AS id
FROM users
WHERE users.id = $1::UUID AND users.disabled_at IS NULL FOR NO KEY UPDATE),
target AS
(SELECT labels.id AS id
FROM labels
WHERE (EXISTS (SELECT locked.id
FROM locked)) AND labels.user_id = $1::UUID AND labels.id = $2::UUID AND ($3::BIGINT[] IS NULL OR labels.revision = ANY ($3::BIGINT[])) FOR NO KEY UPDATE),
owner AS
(UPDATE users SET revision=(users.revision + $4::BIGINT), label_count=(users.label_count - $5::INTEGER) WHERE users.id = $1::UUID AND users.disabled_at IS NULL AND (EXISTS (SELECT target.id
FROM target)) RETURNING users.revision, clock_timestamp() AS changed_at),
gone AS
(DELETE FROM labels USING owner WHERE labels.user_id = $1::UUID AND labels.id = $2::UUID AND ($3::BIGINT[] IS NULL OR labels.revision = ANY ($3::BIGINT[])) AND owner.revision IS NOT NULL RETURNING labels.id, owner.revision)
 INSERT INTO tombstones (user_id, id, type, revision) SELECT $1::UUID AS anon_1, gone.id, $6::VARCHAR AS anon_2, gone.revision
FROM gone ON CONFLICT (user_id, id, type) DO UPDATE SET revision = excluded.revision, created_at = excluded.created_at RETURNING tombstones.id;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6c00-77d8-9681-a46de85482ea', NULL, '1', '1', 'label');
DEALLOCATE one;

PREPARE one AS
SELECT owner.newest, owner.horizon, owner.epoch, changes.type, changes.id, changes.data, changes.revision
FROM (SELECT users.revision AS newest, users.horizon AS horizon, (SELECT installations.epoch
FROM installations) AS epoch
FROM users
WHERE users.id = $1::UUID) AS owner LEFT OUTER JOIN (SELECT anon_1.type AS type, anon_1.id AS id, anon_1.data AS data, anon_1.revision AS revision
FROM (SELECT tombstones.type AS type, tombstones.id AS id, $2::JSONB AS data, tombstones.revision AS revision
FROM tombstones
WHERE tombstones.user_id = $1::UUID AND tombstones.revision > $3::BIGINT AND tombstones.revision > coalesce($4::BIGINT, (SELECT users.revision
FROM users
WHERE users.id = $1::UUID)) AND (tombstones.type != $5::VARCHAR OR NOT (EXISTS (SELECT *
FROM tasks
WHERE tasks.user_id = $1::UUID AND tasks.id = tombstones.id))) AND (tombstones.type != $6::VARCHAR OR NOT (EXISTS (SELECT *
FROM labels
WHERE labels.user_id = $1::UUID AND labels.id = tombstones.id))) ORDER BY tombstones.revision
 LIMIT $7::INTEGER) AS anon_1 UNION ALL SELECT anon_2.type AS type, anon_2.id AS id, anon_2.data AS data, anon_2.revision AS revision
FROM (SELECT $8::VARCHAR AS type, tasks.id AS id, CASE WHEN (tasks.trashed_at IS NULL) THEN jsonb_build_object($9::VARCHAR, tasks.id, $10::VARCHAR, tasks.user_id, $11::VARCHAR, tasks.title, $12::VARCHAR, tasks.description, $13::VARCHAR, tasks.completed_at IS NOT NULL, $14::VARCHAR, to_char(timezone($15::VARCHAR, tasks.completed_at), $16::VARCHAR), $17::VARCHAR, to_char(timezone($15::VARCHAR, tasks.created_at), $16::VARCHAR), $18::VARCHAR, to_char(timezone($15::VARCHAR, tasks.updated_at), $16::VARCHAR), $19::VARCHAR, tasks.revision) ELSE NULL END AS data, tasks.revision AS revision
FROM tasks
WHERE tasks.user_id = $1::UUID AND tasks.revision > $3::BIGINT AND (tasks.trashed_at IS NULL OR tasks.revision > coalesce($4::BIGINT, (SELECT users.revision
FROM users
WHERE users.id = $1::UUID))) ORDER BY tasks.revision
 LIMIT $7::INTEGER) AS anon_2 UNION ALL SELECT anon_3.type AS type, anon_3.id AS id, anon_3.data AS data, anon_3.revision AS revision
FROM (SELECT $20::VARCHAR AS type, labels.id AS id, CASE WHEN true THEN jsonb_build_object($21::VARCHAR, labels.id, $22::VARCHAR, labels.user_id, $23::VARCHAR, labels.name, $24::VARCHAR, labels.color, $25::VARCHAR, to_char(timezone($15::VARCHAR, labels.created_at), $16::VARCHAR), $26::VARCHAR, to_char(timezone($15::VARCHAR, labels.updated_at), $16::VARCHAR), $27::VARCHAR, labels.revision) ELSE NULL END AS data, labels.revision AS revision
FROM labels
WHERE labels.user_id = $1::UUID AND labels.revision > $3::BIGINT AND true ORDER BY labels.revision
 LIMIT $7::INTEGER) AS anon_3 ORDER BY revision
 LIMIT $7::INTEGER) AS changes ON true ORDER BY changes.revision;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', NULL, '0', NULL, 'task', 'label', '101', 'task', 'id', 'user_id', 'title', 'description', 'is_completed', 'completed_at', 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"', 'created_at', 'updated_at', 'version', 'label', 'id', 'user_id', 'name', 'color', 'created_at', 'updated_at', 'version');
DEALLOCATE one;

PREPARE one AS
INSERT INTO export_leases (user_id, expires_at) VALUES ($1::UUID, (now() + $2::INTERVAL)) ON CONFLICT (user_id) DO UPDATE SET expires_at = excluded.expires_at WHERE export_leases.expires_at < now() RETURNING export_leases.expires_at;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '00:01:30');
DEALLOCATE one;

PREPARE one AS
SELECT sessions.id, sessions.user_agent, timezone($1::VARCHAR, sessions.created_at) AS created_at, timezone($1::VARCHAR, sessions.last_used_at) AS last_used_at, timezone($1::VARCHAR, sessions.expires_at) AS expires_at, sessions.id = $2::UUID AS is_current
FROM sessions
WHERE sessions.user_id = $3::UUID AND sessions.expires_at > now() ORDER BY sessions.created_at DESC, sessions.id DESC;
EXECUTE one ('UTC', '01a22004-6b6c-7630-b9fd-e07274ea25fd', '01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
SELECT tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($1::VARCHAR, tasks.completed_at) AS completed_at, timezone($1::VARCHAR, tasks.created_at) AS created_at, timezone($1::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version
FROM tasks
WHERE tasks.user_id = $2::UUID AND $3::BOOLEAN = (tasks.trashed_at IS NOT NULL) ORDER BY tasks.id
 LIMIT $4::INTEGER;
EXECUTE one ('UTC', '01a22004-6b5f-7050-b3fc-c7c938333f04', 'f', '50');
DEALLOCATE one;

PREPARE one AS
SELECT tasks.id, tasks.user_id, tasks.title, tasks.description, tasks.completed_at IS NOT NULL AS is_completed, timezone($1::VARCHAR, tasks.completed_at) AS completed_at, timezone($1::VARCHAR, tasks.created_at) AS created_at, timezone($1::VARCHAR, tasks.updated_at) AS updated_at, tasks.revision AS version
FROM tasks
WHERE tasks.user_id = $2::UUID AND $3::BOOLEAN = (tasks.trashed_at IS NOT NULL) AND tasks.id > $4::UUID ORDER BY tasks.id
 LIMIT $5::INTEGER;
EXECUTE one ('UTC', '01a22004-6b5f-7050-b3fc-c7c938333f04', 'f', '01a22004-6bfc-7027-b7eb-70c3046973b4', '50');
DEALLOCATE one;

PREPARE one AS
SELECT labels.id, labels.user_id, labels.name, labels.color, timezone($1::VARCHAR, labels.created_at) AS created_at, timezone($1::VARCHAR, labels.updated_at) AS updated_at, labels.revision AS version
FROM labels
WHERE labels.user_id = $2::UUID AND $3::BOOLEAN = false ORDER BY labels.id
 LIMIT $4::INTEGER;
EXECUTE one ('UTC', '01a22004-6b5f-7050-b3fc-c7c938333f04', 'f', '50');
DEALLOCATE one;

PREPARE one AS
DELETE FROM export_leases WHERE export_leases.user_id = $1::UUID AND export_leases.expires_at = $2::TIMESTAMP WITH TIME ZONE;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '2026-11-28 02:39:40.474667+00');
DEALLOCATE one;

PREPARE one AS
UPDATE users SET password_hash=$1::VARCHAR, updated_at=now() WHERE users.id = $2::UUID AND users.password_hash = $3::VARCHAR RETURNING users.id;
EXECUTE one ('$2b$04$dYtds54oqm34MkMN7aUFo.VYU13hQvp41mNcstSsKV1PIbemy44DS', '01a22004-6b5f-7050-b3fc-c7c938333f04', '$2b$04$LBotgshJLeOqQXjJT3Kc9ei8x0GDix9DdU/QYcGht8CzY/PfMUK2q');
DEALLOCATE one;

PREPARE one AS
WITH ended AS
(DELETE FROM sessions WHERE sessions.user_id = $1::UUID AND sessions.id != $2::UUID RETURNING sessions.id)
 INSERT INTO revoked_sessions (session_id, expires_at) SELECT ids.id, now() + $3::INTERVAL AS anon_1
FROM (SELECT ended.id AS id
FROM ended) AS ids RETURNING revoked_sessions.session_id;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6b6c-7630-b9fd-e07274ea25fd', '01:01:00');
DEALLOCATE one;

PREPARE one AS
WITH ended AS
(DELETE FROM sessions WHERE sessions.user_id = $1::UUID AND sessions.id = $2::UUID RETURNING sessions.id)
 INSERT INTO revoked_sessions (session_id, expires_at) SELECT ids.id, now() + $3::INTERVAL AS anon_1
FROM (SELECT ended.id AS id
FROM ended) AS ids RETURNING revoked_sessions.session_id;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01a22004-6c54-7166-9047-690c92caed82', '01:01:00');
DEALLOCATE one;

PREPARE one AS
DELETE FROM idempotency_keys WHERE idempotency_keys.user_id = $1::UUID;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
WITH ended AS
(DELETE FROM sessions WHERE sessions.user_id = $1::UUID RETURNING sessions.id)
 INSERT INTO revoked_sessions (session_id, expires_at) SELECT ids.id, now() + $2::INTERVAL AS anon_1
FROM (SELECT ended.id AS id
FROM ended) AS ids RETURNING revoked_sessions.session_id;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04', '01:01:00');
DEALLOCATE one;

PREPARE one AS
DELETE FROM user_emails WHERE user_emails.email_key = $1::VARCHAR AND user_emails.user_id = $2::UUID;
EXECUTE one ('01a22004-6b0c-761d-a8e8-186e0693e8ea@example.com', '01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
DELETE FROM export_leases WHERE export_leases.user_id = $1::UUID;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;

PREPARE one AS
DELETE FROM users WHERE users.id = $1::UUID;
EXECUTE one ('01a22004-6b5f-7050-b3fc-c7c938333f04');
DEALLOCATE one;
