/** Every contract of the HTTP API, for the build of the page. */
export const contracts = import.meta.glob(['../../libs/contracts/http/*.ts', '!**/*.test.ts'], {
  eager: true,
});
