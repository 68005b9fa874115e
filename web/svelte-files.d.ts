// TypeScript itself does not know what a .svelte file is; svelte-check and the compiler do.
declare module "*.svelte" {
  import type { Component } from "svelte";
  const component: Component<any>;
  export default component;
}
