// Tests the rules of a Program on its flat order; for tests, and before a Program is executed.
#pragma once
#include <string>

#include "sim/program/program.h"

namespace orrery {

// The first rule broken, in words; empty if all hold.
//  - ids are a total order, and waits name smaller ids of the same rank;
//  - a group's instructions lie on one stream of each member, and every member present has the same sequence
//  of
//    meetings, equal in kind, bytes and element type;
//  - every member of a meeting has a smaller id than anything that waits for a member or follows one in its
//  stream;
//  - a buffer is used only between the begin and the end of its life;
//  - two uses of a buffer of which one writes are ordered by streams and waits;
//  - views lie within their buffers, and what a communication moves is in its operands.
std::string check(const Program&);

}  // namespace orrery
