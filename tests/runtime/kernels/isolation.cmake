# Objects that are compiled for one instruction set must not offer code under a name that another set has, too: the
# linker would keep one copy for all, which older machines cannot run. Arguments: -DNM= -DISA= -DOBJECTS=
execute_process(COMMAND ${NM} --demangle --defined-only ${OBJECTS} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]* [WTu] [^\n]*" shared "${symbols}")
list(FILTER shared EXCLUDE REGEX "(orrery::|eigen_)${ISA}::|(asan|tsan)\\.module_|_sub_[ID]_")
if(shared)
  message(FATAL_ERROR "code for ${ISA} under a name of all: ${shared}")
endif()
