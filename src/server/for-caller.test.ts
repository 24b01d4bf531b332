/**
 * The result of `authenticate` types policies, handlers and `revoke`. The compiler checks the
 * types; the few runtime assertions run as tests.
 */
import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { silent } from "../../test/support/silent.ts";
import { channel, createTidemark, forCaller, mutation } from "../index.ts";

interface User {
  readonly id: string;
  readonly isAdmin: boolean;
}
const ann: User = { id: "ann", isAdmin: true };
const typed = forCaller<User>();
const row = z.object({ id: z.string(), owner: z.string() });

const channels = {
  notes: typed.channel({
    key: "id",
    row,
    policy: (caller) => {
      expectTypeOf(caller).toEqualTypeOf<User>();
      return caller.isAdmin ? "all" : { column: "owner", eq: caller.id };
    },
  }),
  plain: channel({ key: "id", row }),
};
const mutations = {
  notes: {
    add: typed.mutation({
      source: "memory",
      input: z.object({ id: z.string() }),
      handler: ({ input, caller, write }) => {
        expectTypeOf(caller).toEqualTypeOf<User>();
        write.upsert("notes", { id: input.id, owner: caller.id });
      },
    }),
    rename: typed.mutation({
      input: z.object({ id: z.string() }),
      handler: async ({ caller, tx }) => {
        await tx.query("…", [caller.id]);
      },
    }),
    clear: mutation({
      source: "memory",
      input: z.object({}),
      handler: ({ caller }) => expectTypeOf(caller).toEqualTypeOf<unknown>() as unknown as void,
    }),
  },
};

describe("the caller's type", () => {
  it("comes from authenticate, which may refuse, be asynchronous, or have inferred arguments", () => {
    const tidemark = createTidemark({
      logger: silent,
      authenticate: async ({ headers }) => (headers["cookie"] === undefined ? null : ann),
      channels,
      mutations,
      policies: { orders: (caller) => (caller.isAdmin ? "all" : "none") },
      identityKey: ({ id }) => id,
      isOperator: ({ isAdmin }) => isAdmin,
    });
    expectTypeOf(tidemark.revoke).parameter(0).toEqualTypeOf<User>();
    expect(tidemark.revoke(ann)).toBe(0);
    createTidemark({
      logger: silent,
      authenticate: () => ann.isAdmin && ann,
      policies: { orders: (caller) => (expectTypeOf(caller).toEqualTypeOf<User>(), "all") },
    });
  });

  it("must be the type that channels and mutations were declared for", () => {
    createTidemark({
      logger: silent,
      authenticate: () => ({ name: "ann" }),
      // @ts-expect-error its policy takes a User
      channels,
    });
    createTidemark({
      logger: silent,
      authenticate: () => ({ name: "ann" }),
      // @ts-expect-error its handlers take a User
      mutations,
    });
    // @ts-expect-error nobody is authenticated
    createTidemark({ logger: silent, mutations });
    const tidemark = createTidemark({ logger: silent, authenticate: () => ann });
    // @ts-expect-error this is no User
    expect(tidemark.revoke({ name: "ann" })).toBe(0);
  });

  it("may have more fields than they require", () => {
    const tidemark = createTidemark({
      logger: silent,
      authenticate: () => ({ ...ann, email: "ann@example.com" }),
      channels,
      mutations,
    });
    expectTypeOf(tidemark.channel("notes").upsert)
      .parameter(0)
      .toExtend<{ id: string; owner: string } | readonly { id: string; owner: string }[]>();
    expect(tidemark.channel("plain").size).toBe(0);
  });
});
