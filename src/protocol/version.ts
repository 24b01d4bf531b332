/**
 * The protocol's version, said in HELLO. It rises with every change to a file under
 * `messages/`; a test holds a hash of those files against this one. PROTOCOL.md has the history.
 */
export const PROTOCOL_VERSION = 6;
