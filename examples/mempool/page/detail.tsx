/** One transaction: what is known of it, what it does, and its input. */
import {
  useLayoutEffect,
  useRef,
  useState,
  type ReactElement,
  type ReactNode,
  type RefObject,
} from "react";
import type { EthereumAction } from "tidemark/ethereum";
import { formatAge, formatCount, groupDigits } from "../../ui/format.ts";
import { State } from "../../ui/state.tsx";
import { useNow } from "../../ui/use-now.ts";
import type { TransactionSummary } from "../channels.ts";
import type { TransactionDetails } from "../transaction-details.ts";
import { Panel } from "./panel.tsx";
import { gwei, shortHash, words } from "./text.ts";
import { useDetails } from "./use-details.ts";
import { useSelected } from "./use-selected.ts";

/** Characters of the input that are shown at first. */
const INPUT_SHOWN = 330;
const COIN_DIGITS = 18;

export function Detail({
  hash,
  pressed,
  selectedAtMs,
  onClose,
}: {
  readonly hash: string;
  /** Its row when it was pressed in the list. */
  readonly pressed: TransactionSummary | undefined;
  /** When the reader asked for it. */
  readonly selectedAtMs: RefObject<number>;
  readonly onClose: () => void;
}): ReactElement {
  const { query, row, isInList, isLoading } = useSelected(hash, pressed);
  const { state, retry } = useDetails(hash);
  const took = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => {
    if (state.kind !== "ready" || selectedAtMs.current === 0) return undefined;
    const frame = requestAnimationFrame(() => {
      const ms = performance.now() - selectedAtMs.current;
      if (took.current === null) return;
      took.current.dataset["ms"] = ms.toFixed(1);
      took.current.textContent = `Opened in ${Math.round(ms)} ms`;
    });
    return () => cancelAnimationFrame(frame);
  }, [state, selectedAtMs]);
  const details = state.kind === "ready" ? state.details : undefined;
  const isGone = !isInList && !isLoading;
  return (
    <aside className="detail" aria-label="Transaction">
      <Panel
        name="detail"
        title={shortHash(hash)}
        query={query}
        status={
          isGone && row !== undefined
            ? { status: "paused", why: "it has left the newest transactions" }
            : undefined
        }
        tools={
          <button
            type="button"
            className="plain small"
            aria-label="Close"
            title="Esc"
            onClick={onClose}
          >
            ×
          </button>
        }
      >
        <div className="detail-body">
          <p className="mono hash">{hash}</p>
          {row !== undefined && <Summary row={row} />}
          {details !== undefined && <Facts details={details} />}
          {state.kind === "failed" && (
            <State
              title="No details"
              action={
                <button type="button" onClick={retry}>
                  Try again
                </button>
              }
            >
              {state.message}
            </State>
          )}
          <p ref={took} className="dim took" />
        </div>
      </Panel>
    </aside>
  );
}

function Summary({ row }: { readonly row: TransactionSummary }): ReactElement {
  const now = useNow();
  const { status, block, replaced_by, seen_unix_ms, protocol, method } = row;
  return (
    <p className="outline" data-status={status}>
      <strong>{status}</strong>
      {block !== null && ` in block ${groupDigits(String(block))}`}
      {replaced_by !== null && ` by ${shortHash(replaced_by)}`}
      <span className="dim" title={new Date(seen_unix_ms).toLocaleString()}>
        {" "}
        seen {formatAge(now - seen_unix_ms)}, {words(protocol)}
        {method !== null && ` ${method}`}
      </span>
    </p>
  );
}

function Facts({
  details: { chain, coin, from, to, nonce, value, gas, max_fee, priority_fee, input, decoded },
}: {
  readonly details: TransactionDetails;
}): ReactElement {
  const [isWhole, setIsWhole] = useState(false);
  const cost = BigInt(max_fee) * BigInt(gas);
  return (
    <>
      <dl className="facts">
        <Fact name="value">{`${units(value)} ${coin}`}</Fact>
        <Fact name="max fee">{`${gwei(Number(max_fee) / 1e9)} gwei`}</Fact>
        <Fact name="tip">{`${gwei(Number(priority_fee) / 1e9)} gwei`}</Fact>
        <Fact name="gas limit">{formatCount(gas)}</Fact>
        <Fact name="costs at most">{`${units(String(cost))} ${coin}`}</Fact>
        <Fact name="chain">{chain}</Fact>
        <Fact name="nonce">{formatCount(nonce)}</Fact>
        <Fact name="from">
          <span className="mono">{from}</span>
        </Fact>
        <Fact name="to">{to === null ? "a new contract" : <span className="mono">{to}</span>}</Fact>
      </dl>
      {decoded.actions.map((action, index) => (
        <Action key={index} action={action} />
      ))}
      <h3>
        Input <span className="dim">{formatCount((input.length - 2) / 2)} bytes</span>
      </h3>
      {input !== "0x" && (
        <p className="mono input">
          {isWhole ? input : input.slice(0, INPUT_SHOWN)}
          {!isWhole && input.length > INPUT_SHOWN && (
            <button type="button" className="plain small" onClick={() => setIsWhole(true)}>
              … show all
            </button>
          )}
        </p>
      )}
    </>
  );
}

function Action({
  action: { kind, ...fields },
}: {
  readonly action: EthereumAction;
}): ReactElement {
  return (
    <>
      <h3>{words(kind)}</h3>
      <dl className="facts">
        {Object.entries(fields).map(([name, value]) => (
          <Fact key={name} name={words(name)}>
            <span className={String(value).startsWith("0x") ? "mono" : ""}>
              {value === null ? nullWord(name) : groupDigits(String(value))}
            </span>
          </Fact>
        ))}
      </dl>
    </>
  );
}

function nullWord(name: string): string {
  return name === "amount" ? "all" : "the chain's coin";
}

function Fact({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <div>
      <dt className="dim">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Wei as coins, exact. */
function units(wei: string): string {
  const text = wei.padStart(COIN_DIGITS + 1, "0");
  const fraction = text.slice(-COIN_DIGITS).replace(/0+$/, "");
  return groupDigits(`${text.slice(0, -COIN_DIGITS)}${fraction === "" ? "" : `.${fraction}`}`);
}
