/** A message in place of rows: empty, no match, refused, disconnected. It says what to do next. */
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
