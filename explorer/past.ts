/** Tells the parts of a page that it is rewound. */
import { createContext } from "react";

/** The moment in whole seconds, up to which ages are counted; undefined while the page is live. */
export const PastContext = createContext<number | undefined>(undefined);
