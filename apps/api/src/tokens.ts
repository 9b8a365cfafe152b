/** What the application is given from outside: the open `Platform`. */
export const PLATFORM = Symbol('platform');
