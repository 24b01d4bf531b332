/** What `tidemark --help` prints. */
export const HELP = `Tidemark: live tables for TypeScript.

  tidemark serve --postgres postgres://user@host/database
      Makes the database's tables live and serves the explorer.
      --table a,b            only these tables (name, or schema.name)
      --rows N               rows a channel holds at most; default 100000
      --trust-owner a,b      serve tables of these roles although their functions then run with our rights
      --grant-position a,b   let these roles call tidemark.position() in their own transactions

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
      --role NAME            with --postgres: print the SQL that makes a role which can do this and no more
      --change SQL --channel NAME
                             follows that change from its transaction to a client, with each step's time

  tidemark conformance ws://localhost:8080/v2/stream
      Holds any server to the rules of PROTOCOL.md, from outside; what can't be checked is said with the reason.
      --channel NAME         the channel to test with; default the first one
      --mutation NAME        writes rows of the suite's own, and removes them: its input is {upsert: [row], remove: [key]}.
                             The channel has the key id (text) and kind (text), amount (number or null), note (text or null)
      --ingest URL           the same by POST, answered {"seq": N}; one of the two, or rules that need writes are not checked
      --auth TEXT            what the server's authenticate gets
      --header "NAME: VALUE" sent with requests and upgrades; may be repeated
      --rule P10             only this rule; may be repeated
      --slow                 also what takes up to 45 s
      --timeout MS           how long an answer may take; default 5000

  For serve and demo:
      --port N               default 8080, or PORT
      --host ADDRESS         default 127.0.0.1
      --allow-public         bind an address that others can reach, without authentication
      --allow-origin ORIGIN  let pages of another origin connect; may be repeated
      --log-level LEVEL      trace, debug, info, warn, error or silent; logs go to standard error
`;
