export function dependenciesAreStale(folder?: string): boolean;
