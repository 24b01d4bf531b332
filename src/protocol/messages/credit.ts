/** How much the client is ready to take. Until it is first sent, as much as its socket takes. */
export interface Credit {
  readonly op: "CREDIT";
  /** Further turns from now on; replaces what is left. `null` lifts the limit. */
  readonly turns?: number | null;
  /**
   * By channel name or view id: further turns that carry something of it; replaces what is left.
   * At 0 it is held back and listed in `behind`, while everything else goes on. `null` lifts the limit.
   */
  readonly channel_credit?: Readonly<Record<string, number | null>>;
}
