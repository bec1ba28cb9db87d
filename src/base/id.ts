/** A row number of one table; branded so that rows of different tables cannot be mixed. 0 is none. */
export type Id<Table extends string> = number & { readonly [brand]: Table }
declare const brand: unique symbol

/** Row 0 is unused in every table, so a zeroed column means "none". */
export const NONE = 0 as Id<never>
