/** What inputs mean, against viem's encoder as an independent writer, and hostile inputs. */
import fc from "fast-check";
import { concatHex, encodeAbiParameters, encodeFunctionData, parseAbi, type Hex } from "viem";
import { describe, expect, it } from "vitest";
import { decodeTransaction } from "../src/sources/ethereum/index.ts";

const abi = parseAbi([
  "function transfer(address to, uint256 amount)",
  "function transferFrom(address from, address to, uint256 amount)",
  "function approve(address spender, uint256 amount)",
  "function setApprovalForAll(address spender, bool approved)",
  "function safeTransferFrom(address from, address to, uint256 id)",
  "function deposit()",
  "function withdraw(uint256 amount)",
  "function swapExactTokensForTokens(uint256 a, uint256 b, address[] path, address to, uint256 deadline)",
  "function swapTokensForExactETH(uint256 out, uint256 inMax, address[] path, address to, uint256 deadline)",
  "function swapETHForExactTokens(uint256 out, address[] path, address to, uint256 deadline)",
  "function exactInputSingle((address tokenIn, address tokenOut, uint24 fee, address to, uint256 amountIn, uint256 amountOutMin, uint160 limit) params)",
  "function exactOutput((bytes path, address to, uint256 deadline, uint256 amountOut, uint256 amountInMax) params)",
  "function multicall(uint256 deadline, bytes[] data)",
  "function execute(bytes commands, bytes[] inputs, uint256 deadline)",
  "struct Additional { uint256 amount; address recipient; }",
  "struct Basic { address considerationToken; uint256 considerationIdentifier; uint256 considerationAmount; address offerer; address zone; address offerToken; uint256 offerIdentifier; uint256 offerAmount; uint8 basicOrderType; uint256 startTime; uint256 endTime; bytes32 zoneHash; uint256 salt; bytes32 offererConduitKey; bytes32 fulfillerConduitKey; uint256 totalOriginalAdditionalRecipients; Additional[] additionalRecipients; bytes signature; }",
  "function fulfillBasicOrder(Basic parameters)",
  "struct Offered { uint8 itemType; address token; uint256 id; uint256 startAmount; uint256 endAmount; }",
  "struct Asked { uint8 itemType; address token; uint256 id; uint256 startAmount; uint256 endAmount; address recipient; }",
  "struct Parameters { address offerer; address zone; Offered[] offer; Asked[] consideration; uint8 orderType; uint256 startTime; uint256 endTime; bytes32 zoneHash; uint256 salt; bytes32 conduitKey; uint256 total; }",
  "struct Order { Parameters parameters; bytes signature; }",
  "function fulfillOrder(Order order, bytes32 conduitKey)",
]);

const address = (number: number): Hex => `0x${number.toString(16).padStart(40, "0")}`;
const [token, other, third, person] = [1, 2, 3, 4].map(address) as [Hex, Hex, Hex, Hex];
const ZERO: Hex = `0x${"0".repeat(64)}`;
const decode = (input: Hex, value = 0n, to: string | null = token) =>
  decodeTransaction({ to, value, input });
const anyAmount = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n });

const BASIC = {
  considerationToken: address(0),
  considerationIdentifier: 0n,
  considerationAmount: 900n,
  offerer: person,
  zone: address(0),
  offerToken: other,
  offerIdentifier: 77n,
  offerAmount: 1n,
  basicOrderType: 0,
  startTime: 0n,
  endTime: 9n,
  zoneHash: ZERO,
  salt: 5n,
  offererConduitKey: ZERO,
  fulfillerConduitKey: ZERO,
  totalOriginalAdditionalRecipients: 2n,
  additionalRecipients: [
    { amount: 60n, recipient: third },
    { amount: 40n, recipient: third },
  ],
  signature: `0x${"ab".repeat(64)}` as Hex,
};

describe("inputs that viem has written", () => {
  it("are transfers, approvals and wraps, with any amounts", () => {
    fc.assert(
      fc.property(anyAmount, (amount) => {
        const transfer = encodeFunctionData({
          abi,
          functionName: "transfer",
          args: [person, amount],
        });
        expect(decode(transfer)).toEqual({
          protocol: "erc20",
          category: "transfer",
          method: "transfer",
          actions: [{ kind: "transfer", token, to: person, amount: String(amount) }],
        });
        const from = encodeFunctionData({
          abi,
          functionName: "transferFrom",
          args: [other, person, amount],
        });
        expect(decode(from).actions).toEqual(decode(transfer).actions);
        const approve = encodeFunctionData({
          abi,
          functionName: "approve",
          args: [person, amount],
        });
        const told = amount >= 1n << 160n ? null : String(amount);
        expect(decode(approve).actions).toMatchObject([{ kind: "approval", amount: told }]);
        const withdraw = encodeFunctionData({ abi, functionName: "withdraw", args: [amount] });
        expect(decode(withdraw).actions).toEqual([
          { kind: "unwrap", token, amount: String(amount) },
        ]);
      }),
    );
    const deposit = encodeFunctionData({ abi, functionName: "deposit" });
    expect(decode(deposit, 5n).actions).toEqual([{ kind: "wrap", token, amount: "5" }]);
    const all = encodeFunctionData({
      abi,
      functionName: "setApprovalForAll",
      args: [person, true],
    });
    expect(decode(all)).toMatchObject({ protocol: "erc721", actions: [{ amount: null }] });
    const nft = encodeFunctionData({
      abi,
      functionName: "safeTransferFrom",
      args: [other, person, 8n],
    });
    expect(decode(nft).actions).toEqual([
      { kind: "nft_transfer", collection: token, token_id: "8", to: person },
    ]);
  });

  it("are swaps of both Uniswap routers and of the universal router", () => {
    const swap = (fields: object) => [{ kind: "swap", ...fields }];
    fc.assert(
      fc.property(anyAmount, anyAmount, (first, second) => {
        const path = [token, third, other];
        const [one, two] = [String(first), String(second)];
        const exactIn = { token_in: token, token_out: other, exact: "in" };
        const tokens = encodeFunctionData({
          abi,
          functionName: "swapExactTokensForTokens",
          args: [first, second, path, person, 1n],
        });
        expect(decode(tokens).actions).toEqual(
          swap({ ...exactIn, amount_in: one, amount_out: two }),
        );
        const forCoins = encodeFunctionData({
          abi,
          functionName: "swapTokensForExactETH",
          args: [first, second, path, person, 1n],
        });
        expect(decode(forCoins).actions).toEqual(
          swap({ token_in: token, token_out: null, amount_in: two, amount_out: one, exact: "out" }),
        );
        const single = encodeFunctionData({
          abi,
          functionName: "exactInputSingle",
          args: [
            {
              tokenIn: token,
              tokenOut: other,
              fee: 500,
              to: person,
              amountIn: first,
              amountOutMin: second,
              limit: 0n,
            },
          ],
        });
        const wanted = swap({ ...exactIn, amount_in: one, amount_out: two });
        expect(decode(single).actions).toEqual(wanted);
        const many = encodeFunctionData({
          abi,
          functionName: "multicall",
          args: [1n, [single, tokens]],
        });
        expect(decode(many)).toMatchObject({
          protocol: "uniswap_v3",
          method: "multicall",
          actions: [...wanted, ...wanted],
        });
        const packed = concatHex([token, "0x0001f4", third, "0x000bb8", other]);
        const input = encodeAbiParameters(
          [
            { type: "address" },
            { type: "uint256" },
            { type: "uint256" },
            { type: "bytes" },
            { type: "bool" },
          ],
          [person, first, second, packed, true],
        );
        const execute = encodeFunctionData({
          abi,
          functionName: "execute",
          // A wrap, which is no action of its own, and a swap that may fail.
          args: ["0x0b80", ["0x", input], 1n],
        });
        expect(decode(execute)).toMatchObject({ protocol: "universal_router", actions: wanted });
      }),
    );
    const output = encodeFunctionData({
      abi,
      functionName: "exactOutput",
      args: [
        {
          path: concatHex([other, "0x0001f4", token]),
          to: person,
          deadline: 1n,
          amountOut: 10n,
          amountInMax: 20n,
        },
      ],
    });
    expect(decode(output).actions).toEqual(
      swap({ token_in: token, token_out: other, amount_in: "20", amount_out: "10", exact: "out" }),
    );
    const coins = encodeFunctionData({
      abi,
      functionName: "swapETHForExactTokens",
      args: [7n, [token, other], person, 1n],
    });
    expect(decode(coins, 9n).actions).toEqual(
      swap({ token_in: null, token_out: other, amount_in: "9", amount_out: "7", exact: "out" }),
    );
  });

  it("are sales on Seaport: for coins, for tokens, and accepted offers", () => {
    const sale = { kind: "nft_sale", offerer: person, price: "1000" };
    const basic = (fields: object): Hex =>
      encodeFunctionData({
        abi,
        functionName: "fulfillBasicOrder",
        args: [{ ...BASIC, ...fields }],
      });
    expect(decode(basic({})).actions).toEqual([
      { ...sale, collection: other, token_id: "77", currency: null },
    ]);
    expect(decode(basic({ basicOrderType: 8, considerationToken: third })).actions).toEqual([
      { ...sale, collection: other, token_id: "77", currency: third },
    ]);
    const offer = { basicOrderType: 16, considerationToken: third, considerationIdentifier: 6n };
    expect(decode(basic({ ...offer, offerAmount: 1_000n })).actions).toEqual([
      { ...sale, collection: third, token_id: "6", currency: other },
    ]);
    const order = (isOffer: boolean): Hex => {
      const nft = { itemType: 2, token: other, id: 77n, startAmount: 1n, endAmount: 1n };
      const coins = { itemType: 0, token: address(0), id: 0n, startAmount: 400n, endAmount: 400n };
      const weth = { ...coins, itemType: 1, token: third, startAmount: 1_000n };
      const asked = isOffer ? [nft] : [coins, { ...coins, startAmount: 600n }];
      const parameters = {
        offerer: person,
        zone: address(0),
        offer: isOffer ? [weth] : [nft],
        consideration: asked.map((item) => ({ ...item, recipient: person })),
        orderType: 0,
        startTime: 0n,
        endTime: 9n,
        zoneHash: ZERO,
        salt: 1n,
        conduitKey: ZERO,
        total: 2n,
      };
      const args = [{ parameters, signature: "0x" as Hex }, ZERO] as const;
      return encodeFunctionData({ abi, functionName: "fulfillOrder", args });
    };
    const of = { ...sale, collection: other, token_id: "77" };
    expect(decode(order(false)).actions).toEqual([{ ...of, currency: null }]);
    expect(decode(order(true)).actions).toEqual([{ ...of, currency: third }]);
  });

  it("are deployments and payments where there is no function", () => {
    expect(decode("0x6080", 0n, null)).toMatchObject({
      category: "deployment",
      actions: [{ kind: "deployment", code_bytes: 2 }],
    });
    expect(decode("0x", 3n)).toMatchObject({ protocol: "native", category: "transfer" });
    expect(decode("0x12345678")).toEqual({
      protocol: "unknown",
      category: "other",
      method: "0x12345678",
      actions: [],
    });
  });
});

describe("hostile inputs", () => {
  it("never throw, however they are cut or changed", () => {
    const known = [
      encodeFunctionData({ abi, functionName: "fulfillBasicOrder", args: [BASIC] }),
      encodeFunctionData({
        abi,
        functionName: "execute",
        args: ["0x000108", ["0x", "0x11", `0x${"ff".repeat(200)}`], 1n],
      }),
      encodeFunctionData({ abi, functionName: "multicall", args: [1n, ["0x", "0xa9059cbb"]] }),
    ];
    for (const input of known)
      for (let length = 2; length <= input.length; length++)
        expect(() => decode(input.slice(0, length) as Hex)).not.toThrow();
    const change = fc.tuple(fc.constantFrom(...known), fc.nat(), fc.constantFrom("f", "0", "8"));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        let text: string = changes[0]?.[0] ?? "0x";
        for (const [, at, digit] of changes) {
          const place = 10 + (at % (text.length - 10));
          text = text.slice(0, place) + digit + text.slice(place + 1);
        }
        decode(text as Hex);
      }),
    );
  });

  it("cost a bounded number of calls, also where each call holds all others", () => {
    // Every item of each list is the list within it: 32 to the power of 8 calls, if all were read.
    const word = (value: number): string => value.toString(16).padStart(64, "0");
    const items = 32;
    const offsets = Array.from({ length: items }, () => word(items * 32)).join("");
    let input = "a9059cbb";
    for (let depth = 0; depth < 8; depth++)
      input = `5ae401dc${word(1)}${word(0x40)}${word(items)}${offsets}${word(input.length / 2)}${input}`;
    expect(decode(`0x${input}`)).toMatchObject({ protocol: "unknown", actions: [] });
  });
});
