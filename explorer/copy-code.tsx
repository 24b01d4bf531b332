/** Copies the present view as code. */
import { useEffect, useState, type ReactElement } from "react";
import type { Query } from "../src/client/index.ts";
import { copyAsCode, loadCode } from "./copy-as-code.ts";

const SAID_MS = 1_500;

export function CopyCode({ query }: { readonly query: Query }): ReactElement {
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setIsCopied(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <button
      type="button"
      className="copy-code"
      title="Copy this view as a useLiveQuery hook"
      onPointerEnter={() => void loadCode()}
      onClick={() => void copyAsCode(query).then(() => setIsCopied(true))}
    >
      {isCopied ? "Copied" : "Copy as code"}
    </button>
  );
}
