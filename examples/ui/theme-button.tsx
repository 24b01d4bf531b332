/** Switches between the system's theme, light and dark. */
import { useState, type ReactElement } from "react";
import { applyTheme, readTheme, type Theme } from "./theme.ts";

const THEMES: readonly Theme[] = ["system", "light", "dark"];
const SIGNS: Readonly<Record<Theme, string>> = { system: "◐", light: "○", dark: "●" };

export function ThemeButton(): ReactElement {
  const [theme, setTheme] = useState(readTheme);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] as Theme;
  return (
    <button
      type="button"
      className="plain theme"
      aria-label={`Theme: ${theme}. Switch to ${next}`}
      title={`Theme: ${theme}`}
      onClick={() => {
        applyTheme(next);
        setTheme(next);
      }}
    >
      {SIGNS[theme]}
    </button>
  );
}
