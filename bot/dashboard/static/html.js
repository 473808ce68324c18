// Markup as tagged templates. What is put into one is text, whatever it says; nothing here makes markup of a string.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
