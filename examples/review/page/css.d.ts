/** Style sheets and fonts are imported for their effect. */
declare module "*.css";
