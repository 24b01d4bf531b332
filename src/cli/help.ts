/** What `tidemark --help` prints. */
export const HELP = `Tidemark: live tables for TypeScript.

  tidemark serve --postgres postgres://user@host/database
      Makes the database's tables live and serves the explorer.
      --table a,b            only these tables (name, or schema.name)
      --rows N               rows a channel holds at most; default 100000

  tidemark demo
      The same on an embedded sample database that changes by itself.

  tidemark uninstall --postgres postgres://user@host/database
      Removes everything that serve installed: the schema "tidemark" and its triggers.

  tidemark tail ws://localhost:8080/v2/stream CHANNEL
      A live table in the terminal; as lines where the output is not one.
      --where JSON           {"column": "symbol", "eq": "BTC"}
      --rows N               rows shown; default 30
      --auth TEXT            what the server's authenticate gets

  tidemark doctor [http://localhost:8080]
      Looks at a deployment: each carrier, clocks, freshness; with --postgres also triggers, outbox, reader.
      --postgres URL         the database behind it
      --change SQL --channel NAME
                             follows that change from its transaction to a client, with each step's time

  tidemark conformance ws://localhost:8080/v2/stream
      Holds a server to the rules of PROTOCOL.md, one test each. Reads only.
      --channel NAME         the channel to test with; default the first one
      --timeout MS           how long an answer may take; default 5000

  For serve and demo:
      --port N               default 8080, or PORT
      --host ADDRESS         default 127.0.0.1
      --allow-public         bind an address that others can reach, without authentication
      --allow-origin ORIGIN  let pages of another origin connect; may be repeated
      --log-level LEVEL      trace, debug, info, warn, error or silent; logs go to standard error
`;
