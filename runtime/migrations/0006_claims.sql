-- Which of several connections of one device is the newest, over all nodes: each takes the next number.

CREATE SEQUENCE gateway.claims AS bigint;
