/** What `tidemark --help` prints. */
export const HELP = `Tidemark: live tables for TypeScript.

  tidemark serve --postgres postgres://user@host/database
      Serves the database's tables live, with the explorer.
      --table a,b            only these tables (name, or schema.name)
      --rows N               rows per channel, at most; default 100000
      --trust-owner a,b      also serve tables of these roles; their functions then run with Tidemark's rights
      --grant-txid a,b       let these roles call tidemark.txid() in their own transactions

  tidemark types --postgres postgres://user@host/database > tables.ts
      Prints the types of the tables' rows, for postgres(address, { tables }), which compares them with the tables.
      --table a,b            only these tables
      --schema NAME          only tables of this schema

  tidemark demo
      Does the same with an embedded sample database that changes by itself.

  tidemark uninstall --postgres postgres://user@host/database
      Removes everything that serve installed: the schema "tidemark" and its triggers.

  tidemark tail ws://localhost:8080/v2/stream CHANNEL
      Shows a live table in the terminal; prints lines when the output is no terminal.
      --where JSON           {"column": "symbol", "eq": "BTC"}
      --rows N               rows shown; default 30
      --auth TEXT            credentials for the server's authenticate; JSON or text

  tidemark doctor [http://localhost:8080]
      Checks a deployment: each carrier, clocks, freshness; with --postgres also triggers, outbox, reader.
      --postgres URL         the database behind the server
      --role NAME            with --postgres: print the SQL that makes a role with just the rights needed
      --change SQL --channel NAME
                             run this change, and follow it from its transaction to a client, with the time of each step

  tidemark conformance ws://localhost:8080/v2/stream
      Checks any server against the rules of PROTOCOL.md, from outside. Says which rules it cannot check, and why.
      --channel NAME         the channel to test with; default the first one
      --mutation NAME        writes the suite's own rows, and removes them; its input is {upsert: [row], remove: [key]}.
                             The channel needs the key id (text) and kind (text), amount (number or null), note (text or null)
      --ingest URL           the same by POST, answered {"seq": N}. Without one of the two, rules about writes are not checked
      --auth TEXT            credentials for the server's authenticate
      --header "NAME: VALUE" a header of all requests and upgrades; may be repeated
      --rule P10             check only this rule; may be repeated
      --slow                 also make checks that take up to 45 s
      --timeout MS           how long an answer may take; default 5000

  For serve and demo:
      --port N               default 8080, or PORT
      --host ADDRESS         default 127.0.0.1
      --allow-public         bind an address that others can reach, without authentication
      --allow-origin ORIGIN  let pages of another origin connect; may be repeated
      --log-level LEVEL      trace, debug, info, warn, error or silent; logs go to standard error
`;
