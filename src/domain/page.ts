// One page of a list: the entries after a key, at most so many.
export const PAGE_MAX = 1_000;

export type Page = { readonly after: string | null; readonly limit: number };

export const FIRST_PAGE: Page = { after: null, limit: PAGE_MAX };
