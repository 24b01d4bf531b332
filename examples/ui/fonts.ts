/** The fonts of the examples. The explorer has small ones of its own. */
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
