/** A designed nothing: empty, filtered to nothing, refused, disconnected. A sentence and the next step. */
import type { ReactElement, ReactNode } from "react";

export function State({
  title,
  children,
  action,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly action?: ReactNode;
}): ReactElement {
  return (
    <div className="state">
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      {action}
    </div>
  );
}
