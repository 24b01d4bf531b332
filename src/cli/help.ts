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

  For serve and demo:
      --port N               default 8080, or PORT
      --host ADDRESS         default 127.0.0.1
      --allow-public         bind an address that others can reach, without authentication
      --allow-origin ORIGIN  let pages of another origin connect; may be repeated
      --log-level LEVEL      trace, debug, info, warn, error or silent; logs go to standard error
`;
