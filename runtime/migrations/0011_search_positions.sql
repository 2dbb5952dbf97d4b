-- A search walks the newest messages of a conversation down to a position. 40 bytes a message.
CREATE INDEX messages_by_position ON search.messages (conversation_id, position);
