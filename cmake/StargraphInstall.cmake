# What an installed appliance has, by component; packaging/ makes packages of it. Users, modes and enabling are the
# packages' work: here files only land.
include(GNUInstallDirs)
set(STARGRAPH_UNIT_DIR "lib/systemd" CACHE STRING "Where systemd reads units and presets, below the prefix")

function(stargraph_install_programs component directory)
  foreach(program IN LISTS ARGN)
    if(TARGET ${program})
      install(TARGETS ${program} RUNTIME DESTINATION ${directory} COMPONENT ${component})
    endif()
  endforeach()
endfunction()
stargraph_install_programs(daemon ${CMAKE_INSTALL_SBINDIR} stargraphd stargraph-auditd)
stargraph_install_programs(tools ${CMAKE_INSTALL_BINDIR} stargraph stargraph-pack stargraph-audit)
stargraph_install_programs(worker ${CMAKE_INSTALL_BINDIR} stargraph-worker)

install(PROGRAMS packaging/programs/stargraph-site packaging/programs/stargraph-export
  packaging/programs/stargraph-setup
  DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT daemon)
install(PROGRAMS packaging/programs/checkpoint packaging/programs/recovery-sheet packaging/programs/setup-questions
  DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/stargraph COMPONENT daemon)
install(PROGRAMS scripts/stargraph-verify DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)

install(FILES systemd/stargraphd.service systemd/stargraphd.socket systemd/stargraph-auditd.service
  systemd/stargraph-entries.socket systemd/stargraph-trust.socket systemd/stargraph-checkpoint.service
  systemd/stargraph-checkpoint.timer
  DESTINATION ${STARGRAPH_UNIT_DIR}/system COMPONENT daemon)
install(FILES systemd/80-stargraph.preset DESTINATION ${STARGRAPH_UNIT_DIR}/system-preset COMPONENT daemon)
install(FILES systemd/stargraph.sysusers DESTINATION lib/sysusers.d RENAME stargraph.conf COMPONENT daemon)
install(FILES systemd/stargraph.tmpfiles DESTINATION lib/tmpfiles.d RENAME stargraph.conf COMPONENT daemon)
install(FILES systemd/stargraph.sysctl DESTINATION lib/sysctl.d RENAME 60-stargraph.conf COMPONENT daemon)
install(FILES systemd/stargraph-worker@.service DESTINATION ${STARGRAPH_UNIT_DIR}/system COMPONENT worker)

# A configuration to begin with; the one in force is the site's, and no package owns it.
install(FILES config/stargraph.yaml DESTINATION ${CMAKE_INSTALL_DATADIR}/stargraph COMPONENT daemon)
install(DIRECTORY config/examples DESTINATION ${CMAKE_INSTALL_DATADIR}/stargraph COMPONENT daemon)
install(FILES docs/openapi.json DESTINATION ${CMAKE_INSTALL_DATADIR}/stargraph COMPONENT daemon)

# Which man page belongs to which program: by its name; formats and configuration go with the programs that read them.
set(worker_pages stargraph-worker.1)
set(daemon_pages stargraphd.8 stargraph-auditd.8 stargraph.yaml.5 stargraph-site.8 stargraph-export.8 stargraph-setup.8)
file(GLOB pages RELATIVE ${CMAKE_SOURCE_DIR}/docs/man CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.[158])
foreach(page IN LISTS pages)
  set(component tools)
  if(page IN_LIST worker_pages)
    set(component worker)
  elseif(page IN_LIST daemon_pages)
    set(component daemon)
  elseif(page STREQUAL stargraph_selinux.8)
    set(component selinux)
  endif()
  string(REGEX REPLACE ".*\\.([158])$" "\\1" section ${page})
  install(FILES docs/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ${component})
endforeach()

install(FILES selinux/stargraph.if DESTINATION ${CMAKE_INSTALL_DATADIR}/selinux/devel/include/contrib COMPONENT selinux)
