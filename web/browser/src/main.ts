import { mount } from "svelte";
import "../../shared/theme.css";
import { startTheme } from "../../shared/theme";
import App from "./App.svelte";

startTheme();
mount(App, { target: document.getElementById("app")! });
