// Package figure draws what simulations found: [Lines] for curves with their 95 %
// bands, [Heat] for a number over two axes. A [Figure] becomes SVG and PNG; a [Page] is
// one HTML file with its figures, their tables and what they are of, that needs no
// other file and no network.
//
// The same numbers give the same bytes. Series differ by dash and marker, too, and
// every figure has a sentence that says what is to be seen.
package figure
