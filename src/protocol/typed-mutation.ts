/** Carries the types of a mutation from its declaration to a client's calls, as types only. */

export interface TypedMutation<I = unknown, R = unknown> {
  readonly isMutation: true;
  /** Never set. */
  readonly inputType?: I;
  /** Never set. */
  readonly valueType?: R;
}

/** Mutations by name; groups may nest, and their names are joined with dots. */
export interface MutationTree {
  readonly [name: string]: TypedMutation<unknown, unknown> | MutationTree;
}
