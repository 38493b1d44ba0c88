"""How an app stays up to date: what has changed since it last asked, and being told at once of what changes now.

`delta` is City.changes; `news` tells of changes as they are committed, `subscription` shows that in the schema;
`socket` (graphql-transport-ws) and `stream` (graphql-sse) bring it, and anything else that can be asked, to the app.
`shared` and `carrier` are graphql-sse with one connection for several operations; `outbox` is what waits for a client.
"""
