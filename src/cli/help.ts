/** What `tidemark --help` prints. */
export const HELP = `Tidemark: live tables for TypeScript.

  tidemark serve --postgres postgres://user@host/database
      Serves the database's tables live, with the explorer.
      --table a,b            only these tables (name, or schema.name)
      --rows N               rows per channel, at most; default 100000
      --trust-owner a,b      also serve the tables of these roles; functions of these roles may then run with
                             Tidemark's rights
      --grant-txid a,b       let these roles call tidemark.txid() in their own transactions

  tidemark types --postgres postgres://user@host/database > tables.ts
      Prints the types of the tables' rows as TypeScript. postgres(address, { tables }) checks them at start.
      --table a,b            only these tables
      --schema NAME          only tables of this schema

  tidemark demo
      Serves an embedded sample database that changes by itself, with the explorer.

  tidemark uninstall --postgres postgres://user@host/database
      Removes everything that serve installed: the schema "tidemark" and its triggers.

  tidemark tail ws://localhost:8080/v2/stream CHANNEL
      Shows a live table in the terminal. Prints lines when the output is not a terminal.
      --where JSON           only these rows: {"column": "symbol", "eq": "BTC"}
      --rows N               rows to show; default 30
      --auth TEXT            credentials for the server's authenticate; JSON or text

  tidemark doctor [http://localhost:8080]
      Checks a deployment: each carrier, clocks, freshness; with --postgres also triggers, outbox and reader.
      --postgres URL         the database behind the server
      --origin ORIGIN        whether pages of this origin may connect, such as https://app.example.com
      --role NAME            with --postgres: print the SQL that makes a role with only the necessary rights
      --change SQL --channel NAME
                             run this change and follow it from its transaction to a client; prints each step's time

  tidemark conformance ws://localhost:8080/v2/stream
      Checks any server against the rules of PROTOCOL.md. Names the rules that it can't check, with the reason.
      --channel NAME         the channel to test with; default: the first channel
      --mutation NAME        the mutation by which the checks write rows and remove them; its input is
                             {upsert: [row], remove: [key]}. The channel needs the key id (text) and the columns
                             kind (text), amount (number or null), note (text or null)
      --ingest URL           the same by POST; the answer is {"seq": N}. Without --mutation or --ingest the rules
                             about writes are not checked
      --auth TEXT            credentials for the server's authenticate
      --header "NAME: VALUE" a header of all requests and upgrades; may be repeated
      --rule P10             check only this rule; may be repeated
      --slow                 also run checks that take up to 45 s
      --timeout MS           milliseconds that an answer may take; default 5000

  tidemark shadow --left URL --right URL --keys CHANNEL=KEY,… --minutes N
      Compares the snapshots of two routes on one feed: Tidemark's, and any with rows in channels or fields. Fails when
      keys differ: rows on one side only, or with other values. A difference counts once it has stood for a settle.
      --keys a=x,b=y+z       the channels and their key columns. Wherever a name stands, LEFT:RIGHT stands for the names
                             of both sides: --keys pending:tx.main=tx_hash:hash
      --rename a=x:y+v:w     other columns whose names differ, LEFT:RIGHT
      --ignore a=x+y         columns that are not compared
      --approximate a=x      columns whose numbers may differ by a billionth, such as sums of floating-point numbers
      --minutes N            default 10; Ctrl C ends it before, with the report so far
      --interval SECONDS     from one reading of both sides to the next; default 5
      --settle SECONDS       how long a difference must stand: more than one side may be behind the other; default 3
      --report FILE          writes the report as JSON, for --gate
      --header "NAME: VALUE" a header of all requests to both sides; may be repeated
      --timeout MS           milliseconds that an answer may take; default 5000

  tidemark shadow --gate REPORT --soak SOAK_REPORT
      Whether one route may take the place of the other: passes only when the report of shadow has at least one round
      of each channel, no differing key and no error, and the soak's report.json at least 60 minutes and no failed gate.
      Otherwise it prints each reason. Default of --soak: soak-report/report.json

  For serve and demo:
      --port N               default 8080, or PORT
      --host ADDRESS         default 127.0.0.1
      --allow-public         allow an address that others can reach, although there is no authentication
      --allow-origin ORIGIN  allow pages of this origin to connect; may be repeated
      --log-level LEVEL      trace, debug, info, warn, error or silent; logs go to standard error
`;
