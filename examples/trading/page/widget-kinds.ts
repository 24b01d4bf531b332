/** The widgets that a workspace can have. */
import type { ComponentType } from "react";
import type { Box } from "./layout.ts";
import type { WidgetKind } from "./page-state.ts";
import type { WidgetProps } from "./widget-props.ts";
import { Alerts } from "./widgets/alerts.tsx";
import { Candles } from "./widgets/candles.tsx";
import { Ladder } from "./widgets/ladder.tsx";
import { Movers } from "./widgets/movers.tsx";
import { Quotes } from "./widgets/quotes.tsx";
import { Tape } from "./widgets/tape.tsx";
import { VolumeBySide } from "./widgets/volume.tsx";

interface Kind {
  readonly title: string;
  /** Of a widget that is added. */
  readonly size: Pick<Box, "w" | "h">;
  /** It shows one market. */
  readonly hasSymbol?: true;
  readonly Component: ComponentType<WidgetProps>;
}

export const WIDGETS: Readonly<Record<WidgetKind, Kind>> = {
  tape: { title: "Trades", size: { w: 7, h: 12 }, Component: Tape },
  quotes: { title: "Quotes", size: { w: 7, h: 10 }, Component: Quotes },
  candles: { title: "Candles", size: { w: 11, h: 14 }, hasSymbol: true, Component: Candles },
  volume: { title: "Volume", size: { w: 6, h: 8 }, Component: VolumeBySide },
  movers: { title: "Top movers", size: { w: 6, h: 8 }, Component: Movers },
  ladder: { title: "Depth", size: { w: 6, h: 14 }, hasSymbol: true, Component: Ladder },
  alerts: { title: "Alerts", size: { w: 8, h: 10 }, Component: Alerts },
};
