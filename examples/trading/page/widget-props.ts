/** What each widget gets from the workspace. */
import type { WidgetState } from "./page-state.ts";

export interface WidgetProps {
  readonly widget: WidgetState;
  readonly onChange: (change: Partial<WidgetState>) => void;
  /** All widgets of one market show this one from now on. */
  readonly onSymbol: (symbol: string) => void;
}
